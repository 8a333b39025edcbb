package resultlog

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

func lostEntry(t *testing.T) (Entry, ledger.Recovered) {
	t.Helper()
	r := ledger.Recovered{
		ID: accepted(t, noon, nil).Payout, ResultsHash: strings.Repeat("ab", 32),
		Lost: &ledger.LostResults{Count: 4, Sum: 480, Reason: `restored; "type":"x"`},
	}
	return LostEntry(r, noon), r
}

// What stands for lost results is read as it was written, counts for no result,
// and makes its payout what its receipt says.
func TestLostResults(t *testing.T) {
	e, r := lostEntry(t)
	held := accepted(t, noon, func(r *api.Result) { r.Error, r.StatusCode = `"type":"lost"`, nil })
	part := Parts([]Entry{e, NewEntry([]Line{held})})
	if len(part) != 1 || part[0].Results != 1 {
		t.Fatalf("%+v", part)
	}
	lines, errs := readAll(bytes.NewReader(part[0].Content))
	want := Line{Payout: r.ID, Reward: 480, AcceptedAt: noon, Lost: &Lost{Count: 4, ResultsHash: r.ResultsHash, Reason: r.Lost.Reason}}
	if len(errs) > 0 || len(lines) != 2 {
		t.Fatalf("%+v, %v", lines, errs)
	}
	lost, result := lines[0], lines[1]
	if lost.Lost == nil {
		lost, result = result, lost
	}
	if !reflect.DeepEqual(lost, want) || !reflect.DeepEqual(result, held) {
		t.Errorf("%+v\n%+v", lost, result)
	}
	if err := Verify(lost); err != nil {
		t.Error(err)
	}
	tally := NewTally()
	for _, l := range lines {
		if err := tally.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := tally.Payouts()[r.ID], (Payout{Count: 5, Sum: 600, ResultsHash: r.ResultsHash, Lost: 4, LostSum: 480}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := tally.Add(lost); !errors.Is(err, ErrTwice) {
		t.Errorf("said twice: %v", err)
	}
	if again, _ := lostEntry(t); !reflect.DeepEqual(again, e) {
		t.Errorf("another entry: %+v", again)
	}
}

func TestLostLinesAreStrict(t *testing.T) {
	e, _ := lostEntry(t)
	for _, c := range []struct{ old, new, want string }{
		{`"results":4`, `"results":0`, "results must be"},
		{`"results":4`, `"results":"4"`, "results must be"},
		{`"rewardMicros":480`, `"rewardMicros":-1`, "rewardMicros must be"},
		{`"resultsHash":"ab`, `"resultsHash":"AB`, "resultsHash must be"},
		{`"payoutId":"0x`, `"payoutId":"`, "payoutId must be"},
		{`"reason":`, `"because":`, "reason must be"},
		{`"v":1`, `"v":2`, "v must be"},
		{`"type":"lost"`, `"type":"lots"`, "resultId must be"},
		{`"type":"lost"`, `"type":"lost","type":"lost"`, "type"},
	} {
		text := strings.Replace(string(e.Lines), c.old, c.new, 1)
		lines, errs := readAll(strings.NewReader(text))
		if len(lines) != 0 || len(errs) != 1 || !errors.Is(errs[0], ErrLine) || !strings.Contains(errs[0].Error(), c.want) {
			t.Errorf("%s: %+v, %v", c.new, lines, errs)
		}
	}
}
