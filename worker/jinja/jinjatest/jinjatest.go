// Package jinjatest runs conformance cases of the template engine: JSON lines
// that hold a template, its context and what real Jinja2 made of them. The
// engine's own tests and `rossum-relay template test` share it.
package jinjatest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// Case is one conformance case.
type Case struct {
	Name         string            `json:"name"`
	Category     string            `json:"category,omitempty"`
	Options      Options           `json:"options"`
	Template     string            `json:"template"`
	Templates    map[string]string `json:"templates,omitempty"` // what include, import and extends find
	Context      json.RawMessage   `json:"context"`
	Expected     *string           `json:"expected,omitempty"` // nil: rendering must fail
	Error        string            `json:"error,omitempty"`    // Python's exception class
	ErrorMessage string            `json:"error_message,omitempty"`
}

// Options are the environment options a case sets.
type Options struct {
	Undefined           string   `json:"undefined,omitempty"` // strict, chainable or empty
	TrimBlocks          bool     `json:"trim_blocks,omitempty"`
	LstripBlocks        bool     `json:"lstrip_blocks,omitempty"`
	KeepTrailingNewline bool     `json:"keep_trailing_newline,omitempty"`
	Autoescape          bool     `json:"autoescape,omitempty"`
	Extensions          []string `json:"extensions,omitempty"`
}

// Environment makes the engine's environment for the options and templates.
func (o Options) Environment(templates map[string]string) (*jinja.Environment, error) {
	opts := jinja.Options{TrimBlocks: o.TrimBlocks, LstripBlocks: o.LstripBlocks,
		KeepTrailingNewline: o.KeepTrailingNewline, Autoescape: o.Autoescape, Templates: templates}
	switch o.Undefined {
	case "strict":
		opts.Undefined = jinja.Strict
	case "chainable":
		opts.Undefined = jinja.Chainable
	case "", "default":
	default:
		return nil, fmt.Errorf("unknown undefined kind %q", o.Undefined)
	}
	for _, ext := range o.Extensions {
		switch strings.TrimPrefix(ext, "jinja2.ext.") {
		case "do":
			opts.Do = true
		case "loopcontrols":
			opts.LoopControls = true
		default:
			return nil, fmt.Errorf("unknown extension %q", ext)
		}
	}
	return jinja.New(opts)
}

// Failure is a case whose result differs from Jinja2's.
type Failure struct {
	Name     string
	Expected string // the text, or a description of the error
	Got      string
}

// Run renders the case and returns how it differs from Jinja2, or nil. A case
// that expects an error passes when rendering fails at all.
func (c *Case) Run(ctx context.Context) *Failure {
	got, err := c.Render(ctx)
	switch {
	case c.Expected == nil && err == nil:
		return &Failure{c.Name, "error " + c.Error + ": " + c.ErrorMessage, got}
	case c.Expected == nil:
		return nil
	case err != nil:
		return &Failure{c.Name, *c.Expected, "error: " + err.Error()}
	case got != *c.Expected:
		return &Failure{c.Name, *c.Expected, got}
	}
	return nil
}

// Render renders the case's template.
func (c *Case) Render(ctx context.Context) (string, error) {
	env, err := c.Options.Environment(c.Templates)
	if err != nil {
		return "", err
	}
	vars, err := DecodeContext(c.Context)
	if err != nil {
		return "", err
	}
	t, err := env.Compile(c.Name, c.Template)
	if err != nil {
		return "", err
	}
	return t.Render(ctx, vars)
}

// maxLine bounds one line of a case file, in bytes.
const maxLine = 64 << 20

// Read decodes JSON lines; empty lines are skipped. The error names the line.
func Read(r io.Reader) ([]Case, error) {
	var cases []Case
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if c.Name == "" {
			c.Name = fmt.Sprintf("line %d", n)
		}
		cases = append(cases, c)
	}
	return cases, lines.Err()
}

// DecodeContext decodes a JSON object, keeping the order of keys. Objects
// with the single key $bytes, $date, $datetime or $decimal stand for values
// JSON does not have.
func DecodeContext(data []byte) (*jinja.Dict, error) {
	if len(data) == 0 {
		return jinja.NewDict(0), nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := decodeValue(dec)
	if err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	d, ok := v.(*jinja.Dict)
	if !ok {
		return nil, fmt.Errorf("context: must be a JSON object")
	}
	return d, nil
}

func decodeValue(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		return decodeObject(dec)
	case json.Delim('['):
		l := jinja.NewList()
		for dec.More() {
			v, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			l.Append(v)
		}
		_, err := dec.Token()
		return l, err
	}
	return tok, nil
}

func decodeObject(dec *json.Decoder) (any, error) {
	d := jinja.NewDict(0)
	last := ""
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		last = key.(string)
		d.Set(last, v)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if d.Len() == 1 && strings.HasPrefix(last, "$") {
		v, _ := d.Get(last)
		if s, ok := v.(string); ok {
			return special(last, s, d)
		}
	}
	return d, nil
}

// special decodes a value JSON does not have; def if the key is none of ours.
func special(key, s string, def any) (any, error) {
	switch key {
	case "$bytes":
		return base64.StdEncoding.DecodeString(s)
	case "$decimal":
		return decimal.NewFromString(s)
	case "$date":
		t, err := time.Parse("2006-01-02", s)
		return jinja.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}, err
	case "$datetime":
		return parseDateTime(s)
	}
	return def, nil
}

func parseDateTime(s string) (any, error) {
	for _, layout := range []string{"2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return jinja.DateTime{Time: t, Naive: true}, nil
		}
	}
	t, err := time.Parse("2006-01-02T15:04:05.999999Z07:00", s)
	return jinja.DateTime{Time: t}, err
}
