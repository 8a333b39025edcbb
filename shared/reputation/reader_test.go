package reputation

import "io"

// repeat reads as so many letters.
type repeat struct{ left int }

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), r.left)
	for i := range n {
		p[i] = 'y'
	}
	r.left -= n
	return n, nil
}
