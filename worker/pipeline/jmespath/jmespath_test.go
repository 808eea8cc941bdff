package jmespath_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jmespath"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
)

// suite is one part of JMESPath's own compliance tests, see testdata/compliance/README.md.
type suite []struct {
	Given json.RawMessage
	Cases []struct {
		Expression string
		Result     json.RawMessage
		Error      string
	}
}

func TestCompliance(t *testing.T) {
	files, err := filepath.Glob("testdata/compliance/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no compliance tests", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var parts suite
		if err := json.Unmarshal(data, &parts); err != nil {
			t.Fatal(path, err)
		}
		for _, part := range parts {
			given, err := jsonvalue.Decode(part.Given)
			if err != nil {
				t.Fatal(path, err)
			}
			for _, c := range part.Cases {
				t.Run(filepath.Base(path)+" "+c.Expression, func(t *testing.T) {
					got, err := search(c.Expression, given)
					if c.Error != "" {
						if err == nil {
							t.Errorf("got %v, want the error %s", got, c.Error)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					want, err := jsonvalue.Decode(c.Result)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
						t.Error(diff)
					}
				})
			}
		}
	}
}

func search(expression string, value any) (any, error) {
	compiled, err := jmespath.Compile(expression)
	if err != nil {
		return nil, err
	}
	return compiled.Search(value)
}

// plain makes values comparable: numbers by what they are worth, objects without their order.
func plain(v any) any {
	switch v := v.(type) {
	case *jinja.Dict:
		m := map[string]any{}
		for key, value := range v.All() {
			m[key.(string)] = plain(value)
		}
		return m
	case *jinja.List:
		list := []any{}
		for _, item := range v.All() {
			list = append(list, plain(item))
		}
		return list
	case int64:
		return decimal.NewFromInt(v).String()
	case decimal.Decimal:
		return v.String()
	}
	return v
}

func TestLimits(t *testing.T) {
	value, err := jsonvalue.Decode([]byte(`{"a": [[1,2,3],[4,5,6]]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, expression := range []string{
		strings.Repeat("[", 10000), strings.Repeat("(", 10000) + "a", strings.Repeat("!", 10000) + "a", strings.Repeat("a.", 100000) + "a",
		"a" + strings.Repeat(" | [@,@,@,@][]", 40), "a[99999999999999999999]", "a[::0]", "a[9223372036854775807:-9223372036854775808:-9223372036854775807]",
	} {
		if _, err := search(expression, value); err == nil && !strings.HasPrefix(expression, "a.a") && !strings.HasPrefix(expression, "a[922") {
			t.Errorf("%.40s: no error", expression)
		}
	}
}

func TestErrorsHaveAPlace(t *testing.T) {
	for expression, offset := range map[string]int{"a.[": 3, "a b": 2, "foo(a)": 3, "a.b#": 3, "length(a, b)": 6, "a[0": 3, "'x": 0, "{a: b": 5, "a.'b'": 2, "\"a\"(b)": 0, "a == == b": 5} {
		_, err := jmespath.Compile(expression)
		var e *jmespath.Error
		if !errors.As(err, &e) || e.Offset != offset || e.Error() == "" {
			t.Errorf("%s: got %+v, want an error at %d", expression, err, offset)
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, seed := range []string{"a[?b == `1`].c | [0]", "sort_by(a, &b)[::-1]", "{x: a[*].[b, c], y: to_string(@)}", "max_by(a, &to_number(b)) || 'none'", "*.* [] [1:2]"} {
		f.Add(seed, `{"a": [{"b": 1, "c": null}, {"b": "2"}], "n": 12345678901234567890}`)
	}
	f.Fuzz(func(t *testing.T, expression, document string) {
		value, err := jsonvalue.Decode([]byte(document))
		if err != nil {
			return
		}
		first, err := search(expression, value)
		second, again := search(expression, value)
		if (err == nil) != (again == nil) || !cmp.Equal(plain(first), plain(second)) {
			t.Errorf("%s gives %v, then %v", expression, first, second)
		}
	})
}
