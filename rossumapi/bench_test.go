package rossumapi

import (
	"os"
	"testing"
)

func BenchmarkDecodeEnvelope(b *testing.B) {
	for _, name := range []string{"01-export-us-standard-ap", "05-export-einvoice-2000-lines", "08-status-to-review"} {
		b.Run(name, func(b *testing.B) {
			body := readPayload(b, name)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeEnvelope(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodePayload(b *testing.B) {
	body := readPayload(b, "05-export-einvoice-2000-lines")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodePayload(body); err != nil {
			b.Fatal(err)
		}
	}
}

func readPayload(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return body
}
