package jsonvalue_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/pipeline/jsonvalue"
)

func TestDecodeIsExact(t *testing.T) {
	v, err := jsonvalue.Decode([]byte(`{"z": 12345678901234567, "a": 1.10, "m": 123456789012345678901234567890, "e": 1e2, "l": [null, true, "x"]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for key, value := range v.(*jinja.Dict).All() {
		got = append(got, fmt.Sprintf("%v=%T", key, value))
	}
	want := "z=int64 a=decimal.Decimal m=*big.Int e=decimal.Decimal l=*jinja.List"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{`, `{"a"}`, `[1,]`, `{} {}`, `nul`, `1e999999999`, `-1e-999999999`, strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 1000), "1" + strings.Repeat("0", 2000), "\"\x01\"",
	} {
		if v, err := jsonvalue.Decode([]byte(text)); err == nil {
			t.Errorf("%.20q: got %v", text, v)
		}
	}
}
