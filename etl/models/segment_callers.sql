-- One file per month of clear callers: forgetting them deletes this file and changes no identity.
-- reach: its own month.
CREATE SCHEMA :segment.raw;

-- One row per number or name seen in the month; its pseudonym is the HMAC of it with the store's key.
CREATE TABLE :segment.raw.callers (clear VARCHAR);
