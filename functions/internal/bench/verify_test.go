package bench

import "testing"

// The figure is sound: every time is there and in proportion. Its target,
// 1.5, is make bench's to report; a busy test machine would miss it by chance.
func TestMeasureVerify(t *testing.T) {
	o, err := MeasureVerify()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("submit %v, recovery %v on all CPUs, %v on one: ratio %.3f, over one CPU %.3f",
		o.Submit, o.Parallel, o.Sequential, o.Ratio, float64(o.Submit)/float64(o.Sequential))
	if o.Parallel <= 0 || o.Sequential < o.Parallel/2 || o.Ratio < 0.5 || o.Ratio > 10 {
		t.Errorf("%+v", o)
	}
}

// A batch that is not accepted in full is an error, not a figure.
func TestMeasureNoticesAWrongAnswer(t *testing.T) {
	b, err := newBatch()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.submit(); err != nil {
		t.Error(err)
	}
	b.body = append([]byte{'['}, b.body...)
	if err := b.submit(); err == nil {
		t.Error("a refused batch was measured")
	}
	b.signatures[7] = [65]byte{}
	if err := b.recover(2); err == nil {
		t.Error("a failed recovery was measured")
	}
}
