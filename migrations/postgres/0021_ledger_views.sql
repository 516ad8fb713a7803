-- Who heard what, how terms were changed and when keys were forgotten, as the ledger tells it.
CREATE INDEX ledger_entries_accesses ON ledger_entries (controller_id, seq)
    WHERE event IN ('access.played', 'access.exported', 'access.denied');
CREATE INDEX ledger_entries_policies ON ledger_entries (controller_id, seq)
    WHERE event IN ('policy.created', 'policy.changed', 'policy.activated', 'policy.applied',
        'policy.cancelled', 'policy.floor_extended');
CREATE INDEX ledger_entries_forgettings ON ledger_entries (controller_id, at)
    WHERE event = 'kek.destroyed';
