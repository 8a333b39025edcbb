package api

import "testing"

func TestUSD(t *testing.T) {
	for s, want := range map[string]int64{"0.000000": 0, "0.000300": 300, "12.345678": 12_345_678, "999999999999.999999": 999_999_999_999_999_999} {
		if got, err := ParseUSD(s); err != nil || got != want || FormatUSD(got) != s {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "1", "0.1", ".000001", "-0.000001", "+0.000001", "0.0000001", "1e3", "0,000001", " 0.000001", "1000000000000.000000", "0x1.000000"} {
		if got, err := ParseUSD(s); err == nil {
			t.Errorf("%q is taken for %d", s, got)
		}
	}
	if got := FormatUSD(-1_500_000); got != "-1.500000" {
		t.Error(got)
	}
}
