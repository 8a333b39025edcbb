package api

import (
	"bytes"
	"encoding/json"
	"testing"
)

func fullBatch(b *testing.B) []byte {
	vectors := loadVectors(b)
	batch := make([]Result, MaxBatch)
	for i := range batch {
		batch[i] = vectors[i%len(vectors)].result()
		batch[i].ResponseTimeMs, batch[i].StatusCode = int64(i), new(200)
	}
	body, err := json.Marshal(batch)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func BenchmarkDecodeResults(b *testing.B) {
	body := fullBatch(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, _, err := DecodeResults(bytes.NewReader(body)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	r := loadVectors(b)[0].result()
	b.ReportAllocs()
	for b.Loop() {
		if v := Verify(r); v.Code != "" {
			b.Fatal(v)
		}
	}
}

func BenchmarkVerifyBatch(b *testing.B) {
	results, _, err := DecodeResults(bytes.NewReader(fullBatch(b)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		VerifyBatch(results)
	}
}

func BenchmarkResultID(b *testing.B) {
	r := loadVectors(b)[0].result()
	b.ReportAllocs()
	for b.Loop() {
		ResultID(r)
	}
}
