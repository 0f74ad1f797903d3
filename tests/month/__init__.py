"""A month of watched environments, in some minutes: notifications ring exactly when they should."""
