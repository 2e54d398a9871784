"""Several processes at one fit: leases, a work queue, rendezvous and data-parallel steps."""
