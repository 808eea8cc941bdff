package files_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{
		"INV-1.xml", "in/2026/INV-1.xml", "/in/INV-1.xml", "Fáktura č. 請求書 💶.pdf", "%2e%2e%2fetc", "a b.xml", "a..b", strings.Repeat("n", 240), "~a", "a,b;c'd&e=f+(g)",
	} {
		if err := files.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	long := []string{strings.Repeat("n", 241), strings.Repeat("n/", 600) + "a"}
	bad := []string{
		"", "/", "//a", "a//b", "a/", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "in/.hidden", "a.", "a ", " a", "  ", "a\x00.xml", "a\nb", "a\tb", "a\x7f", "a\u0085b",
		"a\u202efdp.exe", `a\b`, `..\a`, "C:a", "a*", "a?", `a"`, "a<b", "a>b", "a|b", "a\xff", "a/ /b", "a\u00a0",
	}
	for kind, names := range map[outcome.Kind][]string{outcome.Rejected: long, outcome.Misconfigured: bad} {
		for _, name := range names {
			var e *outcome.Error
			if err := files.CheckName(name); !errors.As(err, &e) || e.Outcome.Kind != kind {
				t.Errorf("%q: got %v, want %s", name, err, kind)
			}
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"in/a.xml", "/in/a.xml", "../a", `a\b`, "a\x00", ".a"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if files.CheckName(name) != nil {
			return
		}
		if clean := path.Clean("/" + name); clean != "/"+strings.TrimPrefix(name, "/") || clean == "/" {
			t.Errorf("%q is taken for %q by some", name, clean)
		}
		for element := range strings.SplitSeq(strings.TrimPrefix(name, "/"), "/") {
			if element == "" || element[0] == '.' || len(element) > 255 || strings.ContainsAny(element, "\\\x00\r\n:") {
				t.Errorf("%q has the element %q", name, element)
			}
		}
	})
}
