package rossumapi

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update rewrites golden files: go test ./rossumapi -update
var update = flag.Bool("update", false, "rewrite golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func payloadNames(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/[01]*.json")
	if err != nil || len(paths) != 12 {
		t.Fatalf("%d payloads, %v", len(paths), err)
	}
	for i := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(paths[i]), ".json")
	}
	return paths
}

func TestDecodeEnvelopeOfRealPayloads(t *testing.T) {
	for _, name := range payloadNames(t) {
		t.Run(name, func(t *testing.T) {
			e, err := DecodeEnvelope(readPayload(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := e.CheckURLs(); err != nil {
				t.Error(err)
			}
			queues := e.Queues()
			e.Secrets, e.Settings, e.Files = nil, nil, nil // see TestDecodeEnvelopeKeepsRawParts
			shown, err := json.MarshalIndent(struct {
				Envelope
				Name   string
				Queues []string
			}{e, e.Name(), queues}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "envelope-"+name[:2]+".json", append(shown, '\n'))
		})
	}
}

func TestDecodeEnvelopeKeepsRawParts(t *testing.T) {
	body := readPayload(t, "11-email-received-attachments")
	e, err := DecodeEnvelope(body)
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		t.Fatal(err)
	}
	for key, got := range map[string]json.RawMessage{"settings": e.Settings, "secrets": e.Secrets, "files": e.Files} {
		if string(got) != string(whole[key]) {
			t.Errorf("%s: %.80s", key, got)
		}
	}
}

// envelopeOf is a body with the required members and more.
func envelopeOf(more string) string {
	return `{"event":"annotation_status","action":"changed","base_url":"https://acme.rossum.app"` + more + `}`
}

func TestDecodeEnvelopeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for _, c := range []struct{ name, body, want string }{
		{"nothing", ``, `bad JSON at byte 0: unexpected end, want an object`},
		{"no object", `[]`, `bad JSON at byte 0: unexpected '[', want an object`},
		{"cut", `{"event":"x"`, `bad JSON at byte 12: unexpected end, want ',' or '}'`},
		{"cut string", `{"event":"x`, `bad JSON at byte 9: string without end`},
		{"text behind", envelopeOf("") + `x`, `want the end of the body`},
		{"two values", envelopeOf("") + `{}`, `want the end of the body`},
		{"byte order mark", "\xef\xbb\xbf{}", `bad JSON at byte 0: unexpected`},
		{"trailing comma", `{"a":1,}`, `bad JSON at byte 7: unexpected '}', want a value`},
		{"trailing comma in a list", `{"a":[1,]}`, `bad JSON at byte 8: unexpected ']', want a value`},
		{"no colon", `{"a" 1}`, `bad JSON at byte 5: unexpected '1', want ':'`},
		{"single quotes", `{'a':1}`, `want a key`},
		{"NaN", `{"a":NaN}`, `bad JSON at byte 5`},
		{"leading zero", `{"a":01}`, `bad JSON at byte 6`},
		{"bare minus", `{"a":-}`, `want a digit`},
		{"bare point", `{"a":1.}`, `want a digit`},
		{"bare exponent", `{"a":1e+}`, `want a digit`},
		{"raw newline in a string", "{\"a\":\"b\n\"}", `bad JSON at byte 7: control character 0x0a in a string`},
		{"bad escape", `{"a":"\x"}`, `bad JSON at byte 6: bad escape in a string`},
		{"short unicode escape", `{"a":"\u12"}`, `bad escape in a string`},
		{"signed unicode escape", `{"a":"\u+123"}`, `bad escape in a string`},
		{"latin 1", "{\"a\":\"caf\xe9\"}", `bad JSON at byte 5: string is not valid UTF-8`},
		{"encoded surrogate", "{\"a\":\"\xed\xa0\x80\"}", `string is not valid UTF-8`},
		{"too deep", `{"a":` + deep + `}`, `nested deeper than 100 levels`},
		{"base_url twice", envelopeOf(`,"base_url":"https://evil.example"`), `key "base_url" occurs twice`},
		{"key twice by escape", envelopeOf(`,"\u0065vent":"x"`), `key "event" occurs twice`},
		{"id twice", envelopeOf(`,"annotation":{"id":1,"id":2}`), `key "id" occurs twice`},
		{"a late key twice", envelopeOf(manyKeys(90) + `,"k89":0`), `key "k89" occurs twice`},
		{"an early key of many twice", envelopeOf(manyKeys(90) + `,"k3":0`), `key "k3" occurs twice`},
		{"file key twice", envelopeOf(`,"files":[{"document":"a","document":"b"}]`), `files: bad JSON`},
		{"no event", `{"action":"a","base_url":"b"}`, `event, action and base_url are required`},
		{"event of another kind", `{"event":1,"action":"a","base_url":"b"}`, `payload: event: want a string`},
		{"huge id", envelopeOf(`,"annotation":{"id":99999999999999999999}`), `payload.annotation: id: want a 64-bit integer`},
		{"fractional id", envelopeOf(`,"annotation":{"id":1.5}`), `payload.annotation: id: want a 64-bit integer`},
		{"queue of another kind", envelopeOf(`,"annotation":{"queue":7}`), `payload.annotation: queue: want a URL`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodeEnvelope([]byte(c.body))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestDecodeEnvelopeTolerates(t *testing.T) {
	e, err := DecodeEnvelope([]byte(envelopeOf(`,"annotation":{"id":"7204415","queue":null,"unknown":{"a":1,"a":2}},
		"timestamp":"yesterday","upload":{"id":3,"url":"https://acme.rossum.app/api/v1/uploads/3"},"EVENT":"other","new":[1e400]`)))
	if err != nil {
		t.Fatal(err)
	}
	if e.Annotation.ID != 7204415 || e.Event != "annotation_status" || !e.Timestamp.IsZero() {
		t.Errorf("%+v", e)
	}
	if e.Upload != "https://acme.rossum.app/api/v1/uploads/3" {
		t.Errorf("upload %q", e.Upload)
	}
}

func TestSyntaxErrorIsTyped(t *testing.T) {
	_, err := DecodeEnvelope([]byte(`{"a":}`))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != 5 {
		t.Errorf("%v", err)
	}
}

// FuzzDecodeEnvelope holds the scanner against encoding/json: it must accept
// nothing that is no JSON, and the payload decoder must agree with it.
func FuzzDecodeEnvelope(f *testing.F) {
	f.Add([]byte(envelopeOf(`,"annotation":{"id":"7","content":[{"id":1,"content":{"value":"\ud83d\ude00é"}}]}`)))
	f.Add([]byte(`{"event":"e","action":"a","base_url":"b","x":[1,-0.5e+3,true,null,"\\"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := DecodeEnvelope(body)
		if err == nil && !json.Valid(body) {
			t.Fatalf("accepted what is no JSON: %q", body)
		}
		p, payloadErr := DecodePayload(body)
		if err != nil && payloadErr == nil {
			t.Fatalf("payload accepted, envelope refused: %v", err)
		}
		if payloadErr == nil && (p.RequestID != e.RequestID || p.BaseURL != e.BaseURL || p.Annotation != e.Annotation) {
			t.Fatalf("two readings of %q", body)
		}
	})
}

// FuzzScannerAcceptsJSON is the other direction: valid JSON of moderate depth
// in valid UTF-8 is accepted.
func FuzzScannerAcceptsJSON(f *testing.F) {
	f.Add([]byte(` {"a" : [ 1.5e-7 , {} , [] , "\u00e9\n" ] } `))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := &scanner{data: text}
		err := s.skip()
		if err == nil {
			err = s.end()
		}
		if json.Valid(text) && err != nil && !strings.Contains(err.Error(), "UTF-8") && !strings.Contains(err.Error(), "deeper") {
			t.Fatalf("refused %q: %v", text, err)
		}
		if err == nil && !json.Valid(text) {
			t.Fatalf("accepted %q", text)
		}
	})
}

// manyKeys are n further members of an envelope.
func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	return b.String()
}
