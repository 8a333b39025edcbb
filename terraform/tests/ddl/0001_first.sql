-- A comment; with a semicolon, and an unfinished 'quote.
CREATE TABLE A (
  Id   STRING(36) NOT NULL, -- keys: 'a', "b"; both
  Note STRING(MAX) DEFAULT ('a;b -- no comment # none /* none */ it\'s; "x"'),
) PRIMARY KEY (Id);;

# Another kind of comment;
/* and
   a third; kind */CREATE/* between words */INDEX `A;ByNote` ON A (Note)
