-- One file per month of records of calls (CDR), by the month in which a leg began (America/La_Paz).
-- reach: its own month.
CREATE SCHEMA :segment.raw;

CREATE SCHEMA :segment.core;

-- One row per accepted line or row, its place in its file (the load tells the PBX). Numbers of six digits and more are
-- keyed pseudonyms; dst_key and did_key are that of a number as it is dialled in the country, by which a line is known.
-- identity is the MD5 of what every source keeps of a leg.
CREATE TABLE :segment.raw.cdr (
    load INTEGER,
    line INTEGER,
    started_epoch BIGINT,
    uniqueid VARCHAR,
    linkedid VARCHAR,
    sequence BIGINT,
    src VARCHAR,
    src_digits UTINYINT,
    dst VARCHAR,
    dst_digits UTINYINT,
    dst_key VARCHAR,
    did_key VARCHAR,
    context VARCHAR,
    channel VARCHAR,
    dst_channel VARCHAR,
    last_app VARCHAR,
    queue VARCHAR,
    disposition VARCHAR,
    duration_seconds INTEGER,
    billed_seconds INTEGER,
    identity VARCHAR
);

-- One row per leg of a call, counted once however many sources tell it: load and line are those of the first that does.
CREATE TABLE :segment.core.cdr_calls (
    pbx VARCHAR,
    uniqueid VARCHAR,
    linkedid VARCHAR,
    sequence BIGINT,
    started_epoch BIGINT,
    started_date DATE,
    src VARCHAR,
    src_digits UTINYINT,
    dst VARCHAR,
    dst_digits UTINYINT,
    dst_key VARCHAR,
    did_key VARCHAR,
    context VARCHAR,
    channel VARCHAR,
    dst_channel VARCHAR,
    last_app VARCHAR,
    queue VARCHAR,
    disposition VARCHAR,
    duration_seconds INTEGER,
    billed_seconds INTEGER,
    load INTEGER,
    line INTEGER
);
