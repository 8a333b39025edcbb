package spannerdb

// What tests outside of the package need of the inside.
var (
	ReadWrite = (*DB).readWrite
	ReadOnly  = (*DB).readOnly

	OffersStatement = (*DB).offersStatement
	SeenThrough     = seenThrough
)

const FinishWithin = finishWithin

// OpenGate lets transactions run side by side, as Spanner does.
func OpenGate(db *DB) { db.gate = nil }
