package ingest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // the legacy header
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadBody(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 200<<10/16)
	for name, test := range map[string]struct {
		data   []byte
		length int64
		limit  int64
		src    func(io.Reader) io.Reader
		err    error
	}{
		"known length":             {data: large, length: int64(len(large)), limit: 1 << 20},
		"unknown length":           {data: large, length: -1, limit: 1 << 20},
		"byte by byte":             {data: large[:3000], length: 3000, limit: 1 << 20, src: iotest.OneByteReader},
		"data with the end":        {data: large, length: -1, limit: 1 << 20, src: iotest.DataErrReader},
		"empty":                    {length: 0, limit: 1 << 20},
		"just the limit":           {data: large, length: -1, limit: int64(len(large))},
		"announced over the limit": {data: large, length: int64(len(large)), limit: 1000, err: errTooLarge},
		"over the limit":           {data: large, length: -1, limit: int64(len(large)) - 1, err: errTooLarge},
		"cut":                      {data: large[:100], length: 200, limit: 1 << 20, err: io.ErrUnexpectedEOF},
		"broken":                   {data: large, length: -1, limit: 1 << 20, src: iotest.TimeoutReader, err: iotest.ErrTimeout},
		"over the total":           {data: bytes.Repeat(large, 10), length: -1, limit: 8 << 20, err: errBusy},
	} {
		t.Run(name, func(t *testing.T) {
			const total = 1 << 20
			b := newBodies(total)
			for range 2 { // the second time from a used buffer
				var src io.Reader = bytes.NewReader(test.data)
				if test.src != nil {
					src = test.src(src)
				}
				d, err := b.read(src, test.length, test.limit)
				if !errors.Is(err, test.err) {
					t.Fatalf("error %v, want %v", err, test.err)
				}
				if err == nil {
					if !bytes.Equal(d.data, test.data) {
						t.Errorf("read %d bytes of %d", len(d.data), len(test.data))
					}
					d.release()
				}
				if free := b.free.Load(); free != total {
					t.Errorf("%d bytes are lost", total-free)
				}
			}
		})
	}
}

func TestAnnouncedBodyHoldsOnlyWhatCame(t *testing.T) {
	b := newBodies(1 << 20)
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := b.read(r, 900<<10, 1<<20)
		done <- err
	}()
	if _, err := w.Write([]byte("x")); err != nil { // returns when the reader has it
		t.Fatal(err)
	}
	if free := b.free.Load(); free != 1<<20-firstRead {
		t.Errorf("one byte holds %d", 1<<20-free)
	}
	w.CloseWithError(io.ErrClosedPipe)
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func mac(secret, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	return hex.EncodeToString(m.Sum(nil))
}

func TestVerify(t *testing.T) {
	const body = `{"a":1}`
	good := "sha256=" + mac("new", body)
	legacyMAC := hmac.New(sha1.New, []byte("new"))
	legacyMAC.Write([]byte(body))
	sha1Good := "sha1=" + hex.EncodeToString(legacyMAC.Sum(nil))
	two := &hook{secrets: [][]byte{[]byte("old"), []byte("new")}}
	legacy := &hook{secrets: [][]byte{[]byte("new")}, legacySHA1: true}
	for name, test := range map[string]struct {
		hook   *hook
		header http.Header
		want   bool
	}{
		"second secret":         {two, http.Header{headerSHA256: {good}}, true},
		"first secret":          {two, http.Header{headerSHA256: {"sha256=" + mac("old", body)}}, true},
		"upper-case hex":        {two, http.Header{headerSHA256: {"sha256=" + strings.ToUpper(mac("new", body))}}, true},
		"none":                  {two, http.Header{}, false},
		"empty":                 {two, http.Header{headerSHA256: {""}}, false},
		"another secret":        {two, http.Header{headerSHA256: {"sha256=" + mac("other", body)}}, false},
		"another body":          {two, http.Header{headerSHA256: {"sha256=" + mac("new", body+" ")}}, false},
		"without the algorithm": {two, http.Header{headerSHA256: {mac("new", body)}}, false},
		"another algorithm":     {two, http.Header{headerSHA256: {"sha512=" + mac("new", body)}}, false},
		"second equals sign":    {two, http.Header{headerSHA256: {"sha256==" + mac("new", body)}}, false},
		"given twice":           {two, http.Header{headerSHA256: {good, good}}, false},
		"legacy by option":      {legacy, http.Header{headerSHA1: {sha1Good}}, true},
		"legacy not asked for":  {two, http.Header{headerSHA1: {sha1Good}}, false},
		"legacy cannot overrule": {legacy, http.Header{
			headerSHA256: {"sha256=" + mac("other", body)}, headerSHA1: {sha1Good}}, false},
		"legacy sum as sha256":     {legacy, http.Header{headerSHA256: {sha1Good}}, false},
		"no secret":                {&hook{}, http.Header{headerSHA256: {"sha256=" + mac("", body)}}, false},
		"no secret, insecure":      {&hook{insecure: true}, http.Header{}, true},
		"insecure with a secret":   {&hook{insecure: true, secrets: two.secrets}, http.Header{}, false},
		"short sum":                {two, http.Header{headerSHA256: {good[:len(good)-2]}}, false},
		"long sum":                 {two, http.Header{headerSHA256: {good + "00"}}, false},
		"sum with a sign in front": {two, http.Header{headerSHA256: {"sha256=+" + mac("new", body)[1:]}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.hook.verify(test.header, []byte(body)); got != test.want {
				t.Errorf("verified: %v", got)
			}
		})
	}
}

func FuzzParseSignature(f *testing.F) {
	for _, seed := range []string{"", "=", "sha256=", "sha256=00", "sha256=" + mac("a", "b"), "sha256==" + mac("a", "b"), "SHA256=" + mac("a", "b"), "sha1=" + mac("a", "b")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		sum, ok := parseSignature(header, "sha256", sha256.Size)
		if ok != (len(sum) == sha256.Size) {
			t.Fatalf("%q: %v with %d bytes", header, ok, len(sum))
		}
		if ok && !strings.EqualFold(header, "sha256="+hex.EncodeToString(sum)) {
			t.Fatalf("%q was read as %x", header, sum)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 56<<10/16)
	h := &hook{secrets: [][]byte{[]byte("new")}}
	header := http.Header{headerSHA256: {"sha256=" + mac("new", string(body))}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if !h.verify(header, body) {
			b.Fatal("refused")
		}
	}
}
