-- The id of a run or line is its time in microseconds, shifted by 12 bits that tell equal times apart: whatever index is
-- used, rows come in the order of time.

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL UNIQUE,
  pipeline TEXT NOT NULL,
  event TEXT NOT NULL,
  annotation INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  step TEXT NOT NULL,
  target TEXT NOT NULL,
  outcome TEXT NOT NULL,
  cause TEXT NOT NULL,
  tries INTEGER NOT NULL,
  next INTEGER NOT NULL, -- microseconds, 0 for none
  settled INTEGER NOT NULL,
  terms BLOB, -- those in the table terms
  shown TEXT NOT NULL -- fields in clear, JSON; '' for none
);
CREATE INDEX runs_state ON runs (state);
CREATE INDEX runs_pipeline ON runs (pipeline, state);
CREATE INDEX runs_annotation ON runs (annotation) WHERE annotation > 0;
-- All that is asked of dead runs by their causes stands in this index.
CREATE INDEX dead_cause ON runs (cause, settled, pipeline, target, reason, outcome) WHERE state = 'dead';
CREATE INDEX dead_target ON runs (target) WHERE state = 'dead';
CREATE INDEX dead_reason ON runs (reason) WHERE state = 'dead';

CREATE TABLE terms (term INTEGER, id INTEGER, PRIMARY KEY (term, id)) WITHOUT ROWID;
CREATE VIRTUAL TABLE texts USING fts5 (body, content = '', contentless_delete = 1, detail = none);

-- What the overview shows, counted as runs change.
CREATE TABLE hours (hour INTEGER, kind TEXT, n INTEGER NOT NULL, PRIMARY KEY (hour, kind)) WITHOUT ROWID;
CREATE TABLE totals (pipeline TEXT, state TEXT, n INTEGER NOT NULL, PRIMARY KEY (pipeline, state)) WITHOUT ROWID;

-- The newest attempts of each target.
CREATE TABLE attempts (
  target TEXT, at INTEGER, run TEXT, step TEXT, kind TEXT NOT NULL, pipeline TEXT NOT NULL, took INTEGER NOT NULL, outcome TEXT NOT NULL,
  reason TEXT NOT NULL, status INTEGER NOT NULL, PRIMARY KEY (target, at, run, step)
) WITHOUT ROWID;

CREATE TABLE ledger (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  target TEXT NOT NULL,
  state TEXT NOT NULL,
  annotation INTEGER NOT NULL,
  terms BLOB
);
CREATE INDEX ledger_annotation ON ledger (annotation) WHERE annotation > 0;
CREATE INDEX ledger_state ON ledger (state) WHERE state <> 'delivered';
CREATE TABLE ledger_terms (term INTEGER, id INTEGER, PRIMARY KEY (term, id)) WITHOUT ROWID;
