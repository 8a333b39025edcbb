package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/chain"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// stateVersion changes whenever a state of before could be misread.
const stateVersion = 1

// state is a trail as it is kept, and the question that it belongs to.
type state struct {
	Version  int
	Question string
	First    uint64
	Next     uint64
	Hash     common.Hash // of block Next - 1
	Receipts []logged
	Moved    []chain.Transfer
	Foreign  []Disagreement
	Unlisted int
	Strange  int
}

// The reasons for which a trail cannot be gone on with.
var (
	ErrState    = errors.New("audit: not the state of an audit")
	ErrQuestion = errors.New("audit: the state belongs to another question")
)

// State is the trail as JSON, for Resume. hash is that of the last block that
// was walked, block Next() - 1; whoever resumes compares it with the chain.
// There must have been a Walk.
func (t *Trail) State(hash common.Hash) ([]byte, error) {
	text, err := json.Marshal(state{
		stateVersion, t.scope.question(t.first), t.first, t.next, hash, t.receipts, t.moved, t.foreign, t.unlisted, t.strange,
	})
	if err != nil {
		return nil, fmt.Errorf("audit: keep the state: %w", err)
	}
	return text, nil
}

// Resume is the trail of which text is the State. The question must be the
// same: all of Scope but Grace, and the first block. hash is that of the last
// block that was walked.
func Resume(s Scope, first uint64, text []byte) (t *Trail, hash common.Hash, err error) {
	var st state
	if err := json.Unmarshal(text, &st); err != nil {
		return nil, hash, fmt.Errorf("%w: %w", ErrState, err)
	}
	if st.Version != stateVersion || st.Next <= st.First {
		return nil, hash, fmt.Errorf("%w: version %d, blocks %d to %d", ErrState, st.Version, st.First, st.Next)
	}
	if want := s.question(first); st.Question != want {
		return nil, hash, fmt.Errorf("%w: it is of %s; asked is %s", ErrQuestion, st.Question, want)
	}
	return &Trail{
		scope: s, first: st.First, next: st.Next, walked: true,
		receipts: st.Receipts, moved: st.Moved, foreign: st.Foreign, unlisted: st.Unlisted, strange: st.Strange,
	}, st.Hash, nil
}

// question is what an audit asks, in one line.
func (s Scope) question(first uint64) string {
	var senders []string
	for _, a := range s.Senders {
		senders = append(senders, ledger.CanonicalAddress(a))
	}
	slices.Sort(senders)
	reading := "every block"
	if s.SendersOnly {
		reading = "the senders' blocks"
	}
	return fmt.Sprintf("chain %d from block %d, token %s, treasury %s, log %s, senders %s, reading %s", s.ChainID, first,
		ledger.CanonicalAddress(s.Token), ledger.CanonicalAddress(s.Treasury), ledger.CanonicalAddress(s.LogAddress),
		strings.Join(slices.Compact(senders), " "), reading)
}
