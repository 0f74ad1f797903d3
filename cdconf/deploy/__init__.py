"""Changes hosts: `provision` goes group by group, `deploy` and `rollback` go batch by batch."""
