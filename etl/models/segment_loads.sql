-- One file for what was loaded: loads, lines set aside, restarts, the site's mapping at the time of the build.
-- reach: all loads.
CREATE SCHEMA :segment.core;

CREATE SCHEMA :segment.meta;

-- One row per landed piece in service. Line counts as read; strays of the month segments move from loaded to set aside.
CREATE TABLE :segment.meta.loads (
    load INTEGER,
    file INTEGER,
    source VARCHAR,
    pbx VARCHAR,
    name VARCHAR,
    sha256 VARCHAR,
    first_byte BIGINT,
    first_line BIGINT,
    lines BIGINT,
    loaded BIGINT,
    duplicates BIGINT,
    quarantined BIGINT,
    blank BIGINT,
    held BIGINT,
    other_encoding BIGINT,
    clock_steps BIGINT,
    file_first_epoch BIGINT,
    file_last_epoch BIGINT,
    least_epoch BIGINT,
    greatest_epoch BIGINT,
    last_order_epoch BIGINT
);

-- One row per line set aside, with every reason (codes joined by a comma).
CREATE TABLE :segment.meta.quarantine (load INTEGER, line INTEGER, reasons VARCHAR, text VARCHAR);

-- One row per QUEUESTART: what waits in that PBX without a later event is lost.
CREATE TABLE :segment.core.restarts (pbx VARCHAR, epoch BIGINT, order_epoch BIGINT, load INTEGER, line INTEGER);

-- One row per rule of the site's mapping, as it was when this generation was built.
CREATE TABLE :segment.core.queue_lines (queue VARCHAR, did VARCHAR, service VARCHAR, valid_from DATE, valid_to DATE);

-- One row per rule of the site's persons, as it was when this generation was built.
CREATE TABLE :segment.core.agent_persons (interface VARCHAR, person VARCHAR, valid_from DATE, valid_to DATE);

-- One row per number by which a line is called: its digits, how records of calls know it (etl/call_records.py), the line,
-- and the days on which it is the line's.
CREATE TABLE :segment.core.line_numbers (
    digits VARCHAR,
    number_key VARCHAR,
    service VARCHAR,
    valid_from DATE,
    valid_to DATE
);
