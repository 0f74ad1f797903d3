"""Changes hosts, group by group and batch by batch: provision, deploy, rollback."""
