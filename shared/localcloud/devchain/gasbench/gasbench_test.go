package gasbench

import "testing"

// The figures hold within what they are compared with on Circle's contract, so
// that what is learned here is worth something there.
func TestMeasure(t *testing.T) {
	figures, err := Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ranges := map[string][2]float64{
		"payout.gas.single_fresh":      {90_000, 105_000},
		"payout.gas.single_warm":       {73_000, 88_000},
		"payout.gas.batch100_fresh":    {50_000, 67_000},
		"payout.gas.batch100_warm":     {33_000, 50_000},
		"receipt.gas.json_single":      {30_000, 40_000},
		"receipt.gas.compact_single":   {24_500, 26_000},
		"receipt.gas.json_batch100":    {12_000, 17_000},
		"receipt.gas.compact_batch100": {3_500, MaxCompactReceipt},
	}
	for _, f := range figures {
		t.Logf("%-30s %8.0f %s", f.Name, f.Value, f.Unit)
		r, expected := ranges[f.Name]
		if !expected || f.Value < r[0] || f.Value > r[1] {
			t.Errorf("%s is %.0f, expected within %v", f.Name, f.Value, r)
		}
		if f.Max > 0 && f.Value > f.Max {
			t.Errorf("%s is %.0f, at most %.0f", f.Name, f.Value, f.Max)
		}
		delete(ranges, f.Name)
	}
	if len(ranges) > 0 {
		t.Errorf("not measured: %v", ranges)
	}
}
