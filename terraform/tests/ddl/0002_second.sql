ALTER TABLE A ADD COLUMN Long STRING(MAX) DEFAULT ("""one; 'two'
"three" -- four""");
CREATE VIEW V SQL SECURITY INVOKER AS SELECT '''it's; -- so''' AS S, r'\d;' AS R, "" AS E;

-- the end
