package overhead

import "testing"

// Every time is there, and the figure is made of them. How large they are
// depends on what else the machine does; the target is make bench's to report.
func TestMeasureVerify(t *testing.T) {
	o, err := MeasureVerify()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("submit %v, recovery %v on all CPUs, %v on one: ratio %.3f, over one CPU %.3f",
		o.Submit, o.Parallel, o.Sequential, o.Ratio, float64(o.Submit)/float64(o.Sequential))
	if o.Submit <= 0 || o.Parallel <= 0 || o.Sequential <= 0 || o.Ratio <= 0 {
		t.Errorf("%+v", o)
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{9, 1, 5, 100, 2}); got != 5 {
		t.Errorf("median %v, want 5", got)
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
