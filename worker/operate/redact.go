package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/journal"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// minMasked is the shortest field value that is looked for in texts: shorter ones would mask innocent words.
const minMasked = 4

// masker replaces the values of an invoice's fields in texts by the fields' names.
type masker struct {
	values *strings.Replacer // nil where the fields are not known
}

// maskerOf makes the masker of a run whose payload is at hand; the zero Payload gives one that knows no fields.
func (o *Operator) maskerOf(ctx context.Context, r *journal.Record, p queue.Payload) (masker, error) {
	if p.Size() == 0 {
		return masker{}, nil
	}
	plain, err := o.payload(ctx, r, p)
	if err != nil {
		return masker{}, err
	}
	return newMasker(plain, r.Business), nil
}

// newMasker knows the values of a payload's fields, but not those of the key, which is shown anyway.
func newMasker(payload []byte, key []string) masker {
	decoded, err := rossumapi.DecodePayload(payload)
	if err != nil || decoded.Content == nil {
		return masker{}
	}
	type pair struct{ value, name string }
	var pairs []pair
	add := func(value, name string) {
		if utf8.RuneCountInString(value) >= minMasked && !slices.Contains(key, value) {
			pairs = append(pairs, pair{value, "[field." + name + "]"})
		}
	}
	for n := range decoded.Content.All() {
		add(n.Value(), n.SchemaID)
		normalized, _ := n.Normalized()
		add(normalized, n.SchemaID)
		if strings.Contains(normalized, ".") {
			add(strings.TrimRight(strings.TrimRight(normalized, "0"), "."), n.SchemaID)
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return len(b.value) - len(a.value) }) // the longer value first
	list := make([]string, 0, 2*len(pairs))
	for _, p := range pairs {
		list = append(list, p.value, p.name)
	}
	return masker{strings.NewReplacer(list...)}
}

// text is what an ERP or a step said, without the invoice's values; without knowing them, without ids and numbers.
func (m masker) text(s string) string {
	if m.values == nil {
		return CauseText(s)
	}
	return m.values.Replace(s)
}

// excerpt is a response's beginning, without the invoice's values; without knowing them, only its length.
func (m masker) excerpt(s string) string {
	if m.values == nil {
		return masked(s)
	}
	return m.values.Replace(s)
}

// masked stands for a value.
func masked(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("[%d chars]", utf8.RuneCountInString(s))
}

// maskBody masks the values of a document and keeps its names: of JSON and XML; other formats become their length.
func maskBody(contentType string, body []byte) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if out, err := maskJSON(body); err == nil {
			return indented(out)
		}
	case kind == "application/xml" || kind == "text/xml" || strings.HasSuffix(kind, "+xml"):
		if out, err := maskXML(body); err == nil {
			return out
		}
	}
	return fmt.Sprintf("[%d lines, %d chars]", bytes.Count(body, []byte("\n"))+1, utf8.RuneCount(body))
}

func indented(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

// maskJSON masks strings and numbers; true, false, null and names stay.
func maskJSON(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	switch raw[0] {
	case '{':
		var o rossumapi.Object
		if err := json.Unmarshal(raw, &o); err != nil {
			return nil, err
		}
		for i := range o {
			var err error
			if o[i].Value, err = maskJSON(o[i].Value); err != nil {
				return nil, err
			}
		}
		return o.MarshalJSON()
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		for i := range list {
			var err error
			if list[i], err = maskJSON(list[i]); err != nil {
				return nil, err
			}
		}
		return json.Marshal(list)
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		return json.Marshal(masked(s))
	case 't', 'f', 'n':
		return raw, nil
	}
	return json.Marshal(masked(string(raw)))
}

// maskXML masks texts and attributes; comments go.
func maskXML(body []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = true
	var b strings.Builder
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			b.WriteString("<" + xmlName(t.Name))
			for _, a := range t.Attr {
				value := masked(a.Value)
				if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
					value = a.Value
				}
				fmt.Fprintf(&b, " %s=%q", xmlName(a.Name), value)
			}
			b.WriteByte('>')
		case xml.EndElement:
			b.WriteString("</" + xmlName(t.Name) + ">")
		case xml.CharData:
			if text := strings.TrimFunc(string(t), unicode.IsSpace); text != "" {
				b.WriteString(masked(text))
			} else {
				b.Write(t)
			}
		}
	}
}

func xmlName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// payload opens a run's payload as the run works on it, operators' patches applied and without credentials.
func (o *Operator) payload(ctx context.Context, r *journal.Record, p queue.Payload) ([]byte, error) {
	plain, err := o.Queue.OpenPayload(ctx, r.Run, p)
	if err != nil {
		return nil, err
	}
	if plain, err = r.Patched(plain); err != nil {
		return nil, err
	}
	return withoutCredentials(plain)
}

// withoutCredentials masks the token and the hook's secrets of a payload (Rossum API reference, Hook, secrets and
// token_owner); the secrets' names stay.
func withoutCredentials(payload []byte) ([]byte, error) {
	var all rossumapi.Object
	if err := json.Unmarshal(payload, &all); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	hidden, err := json.Marshal(outcome.Redacted)
	if err != nil {
		return nil, err
	}
	for i, m := range all {
		switch m.Key {
		case "rossum_authorization_token":
			all[i].Value = hidden
		case "secrets":
			var secrets rossumapi.Object
			if json.Unmarshal(m.Value, &secrets) != nil {
				all[i].Value = hidden
				continue
			}
			for j := range secrets {
				secrets[j].Value = hidden
			}
			if all[i].Value, err = secrets.MarshalJSON(); err != nil {
				return nil, err
			}
		}
	}
	return all.MarshalJSON()
}
