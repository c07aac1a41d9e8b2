-- One file per month of clear callers: forgetting them deletes this file and changes no identity.
-- reach: its own month.
CREATE SCHEMA :segment.raw;

-- One row per pseudonym seen in the month, with the number or name it stands for.
CREATE TABLE :segment.raw.callers (pseudonym VARCHAR, clear VARCHAR);
