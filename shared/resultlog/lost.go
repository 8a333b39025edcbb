package resultlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// Lost is what a line says of results that nobody has any more. Like a reward, it
// is the operator's word; that the payout was made, and for which results hash,
// is the chain's.
type Lost struct {
	Count       int64  // at least 1
	ResultsHash string // of all the payout's results, hex
	Reason      string
}

const lostType = "lost"

// lostWire is such a line in the order in which it is written.
type lostWire struct {
	V            int    `json:"v"`
	Type         string `json:"type"`
	PayoutID     string `json:"payoutId"`
	Results      int64  `json:"results"`
	RewardMicros int64  `json:"rewardMicros"`
	ResultsHash  string `json:"resultsHash"`
	Reason       string `json:"reason"`
	AcceptedAt   int64  `json:"acceptedAt"`
}

// lostMark is in each such line, and in no other: in a string, quotes are escaped.
var lostMark = []byte(`"type":"` + lostType + `"`)

func isLost(text []byte) bool { return bytes.Contains(text, lostMark) }

// lostFields are those of fields that such a line has, and its own.
func lostFields() (out []field) {
	for _, f := range fields {
		switch f.name {
		case "v", "payoutId", "rewardMicros", "acceptedAt":
			out = append(out, f)
		}
	}
	return append(out,
		field{"type", "\"" + lostType + "\"", false, func(_ *Line, v json.RawMessage) bool { return string(v) == `"`+lostType+`"` }},
		field{"results", "an integer above 0", false, func(l *Line, v json.RawMessage) bool { return to(&l.Lost.Count, v) && l.Lost.Count > 0 }},
		field{"resultsHash", "64 lower-case hex digits", false, func(l *Line, v json.RawMessage) bool {
			return to(&l.Lost.ResultsHash, v) && digest().MatchString(l.Lost.ResultsHash)
		}},
		field{"reason", "a string", false, func(l *Line, v json.RawMessage) bool { return to(&l.Lost.Reason, v) }},
	)
}

// LostEntry says of a recovered payout that some of its results are lost.
func LostEntry(r ledger.Recovered, now time.Time) Entry {
	l := Line{
		Payout: r.ID, Reward: r.Lost.Sum, AcceptedAt: now.UTC().Truncate(time.Millisecond),
		Lost: &Lost{Count: r.Lost.Count, ResultsHash: r.ResultsHash, Reason: r.Lost.Reason},
	}
	return Entry{ID: LostID(r.ID), AcceptedAt: l.AcceptedAt, Lines: Encode(l)}
}

// LostID is the id of the entry that says what is lost of a payout.
func LostID(payout ledger.PayoutID) string {
	id := sha256.Sum256([]byte("lost results of payout " + payout.String()))
	return hex.EncodeToString(id[:])
}

// InPart is a line and the file that has it.
type InPart struct {
	Line
	Part PartName
}

// PartName is a file of the log, without what it holds.
type PartName struct {
	ID    string // SHA-256 of its content, in lower-case hex
	Day   string // YYYY-MM-DD
	Bytes int64
}
