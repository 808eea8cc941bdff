package queue_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/queue"
)

func ring(t testing.TB, keys ...[]byte) *queue.Ring {
	t.Helper()
	r, err := queue.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRingRotates(t *testing.T) {
	old, fresh := queue.NewKey(), queue.NewKey()
	for _, plain := range [][]byte{nil, []byte("short"), bytes.Repeat([]byte("invoice "), 1000)} {
		sealed := ring(t, old).Seal("journal/a", plain)
		if len(plain) > 0 && bytes.Contains(sealed, plain) {
			t.Error("sealed data shows the plain text")
		}
		got, err := ring(t, fresh, old).Open("journal/a", sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("after rotation: %d bytes, %v", len(got), err)
		}
		if _, err := ring(t, fresh).Open("journal/a", sealed); !errors.Is(err, queue.ErrNoKey) {
			t.Errorf("without the key: %v", err)
		}
		if _, err := ring(t, old).Open("journal/b", sealed); err == nil {
			t.Error("opened in another place")
		}
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := ring(t, old).Open("journal/a", bad); err == nil {
				t.Fatalf("opened with byte %d damaged", i)
			}
			if i > 60 {
				break
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	key := bytes.Repeat([]byte{7}, queue.KeySize)
	r := ring(f, key)
	f.Add(r.Seal("p", []byte("x")))
	f.Add([]byte{1, 1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = r.Open("p", data) })
}

func BenchmarkSeal(b *testing.B) {
	r := ring(b, queue.NewKey())
	plain := invoice(b)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	var sealed []byte
	for b.Loop() {
		sealed = r.Seal("p", plain)
	}
	b.ReportMetric(float64(len(sealed)), "sealed-B")
}

// invoice is the body of an export, 56 KB.
func invoice(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile("../../rossumapi/testdata/01-export-us-standard-ap.json")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func BenchmarkOpen(b *testing.B) {
	r := ring(b, queue.NewKey())
	plain := invoice(b)
	sealed := r.Seal("p", plain)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Open("p", sealed); err != nil {
			b.Fatal(err)
		}
	}
}
