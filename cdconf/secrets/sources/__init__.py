"""Where secrets lie besides secrets.yml; what's asked is for the operator to say, see `cdconf.secrets.operators`."""
