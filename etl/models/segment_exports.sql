-- One file for what other systems exported as totals: never calls, never part of an indicator.
-- reach: all loads of exports.
CREATE SCHEMA :segment.core;

-- One row per figure of an export, with the place in its file; the scope is that of its table, whose newer export of the
-- same report takes its place.
CREATE TABLE :segment.core.export_figures (
    load INTEGER,
    table_name VARCHAR,
    line BIGINT,
    system VARCHAR,
    report VARCHAR,
    scope_first DATE,
    scope_last DATE,
    scope_queue VARCHAR,
    first_date DATE,
    last_date DATE,
    queue VARCHAR,
    agent VARCHAR,
    grain VARCHAR,
    key VARCHAR,
    measure VARCHAR,
    value DOUBLE
);
