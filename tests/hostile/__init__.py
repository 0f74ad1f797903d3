"""Hosts that lie: sessions made of anything, and a server that behaves badly."""
