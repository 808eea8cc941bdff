package rossumsim

import (
	"testing"
	"time"
)

func TestThePastIsBounded(t *testing.T) {
	s := New(Options{BaseURL: "https://acme.rossum.app", Manual: true})
	defer s.Close()
	user := s.AddUser(UserSpec{Username: "u"})
	hook := s.collections["hooks"].items[s.AddHook(HookSpec{Name: "relay"})]
	lasting := s.Token(user, time.Hour)
	s.mu.Lock()
	defer s.mu.Unlock()
	for range kept + 5 {
		s.log(s.newCall(hook, "invocation", "scheduled", map[string]any{}))
		s.newToken(s.collections["users"].items[user], 0)
	}
	if len(s.calls) != kept || s.calls[0].ID != 6 || len(s.logs) != kept || len(s.tokens) > kept+1 {
		t.Errorf("%d calls from %d, %d logs, %d tokens", len(s.calls), s.calls[0].ID, len(s.logs), len(s.tokens))
	}
	if !s.tokens[lasting].valid(s.clock.Now()) {
		t.Error("a valid token was forgotten")
	}
}

func TestNumberFormats(t *testing.T) {
	for _, c := range []struct{ format, value, shown, normalized string }{
		{"# ##0.#", "1 234.5", "1 234.5", "1234.5"},
		{"# ##0.#", "1234.5", "1 234.5", "1234.5"},
		{"# ##0,#", "1 234,5", "1 234,5", "1234.5"},
		{"# ##0,#", "1234.5", "1 234,5", "1234.5"},
		{"#,##0.#", "1,234,567.50", "1,234,567.50", "1234567.50"},
		{"#.##0,#", "1.234,5", "1.234,5", "1234.5"},
		{"#'##0.#", "1'234.5", "1'234.5", "1234.5"},
		{"# ##0", "12 345", "12 345", "12345"},
		{"#.##0,#", "1.234", "1.234", "1234"},
		{"#.##0,#", "1234.5", "1.234,5", "1234.5"},
		{"#.##0", "12.345", "12.345", "12345"},
		{"#,##0", "12,345", "12,345", "12345"},
		{"", "-1 234.5", "-1 234.5", "-1234.5"},
		{"# ##0.#", "abc", "abc", ""},
		{"# ##0.#", "", "", ""},
	} {
		shown, normalized := parseNumber(c.format, c.value)
		got := ""
		if normalized != nil {
			got = *normalized
		}
		if shown != c.shown || got != c.normalized {
			t.Errorf("%q %q: %q %q, want %q %q", c.format, c.value, shown, got, c.shown, c.normalized)
		}
	}
}

func TestDateFormats(t *testing.T) {
	for _, c := range []struct{ format, value, shown, normalized string }{
		{"M/D/YYYY", "3/9/2026", "3/9/2026", "2026-03-09"},
		{"M/D/YYYY", "2026-03-09", "3/9/2026", "2026-03-09"},
		{"D.M.YYYY", "9.3.2026", "9.3.2026", "2026-03-09"},
		{"DD/MM/YYYY", "09/03/2026", "09/03/2026", "2026-03-09"},
		{"", "2026-03-09", "2026-03-09", "2026-03-09"},
		{"M/D/YYYY", "31/12/2026", "31/12/2026", ""},
	} {
		shown, normalized := parseDate(c.format, c.value)
		got := ""
		if normalized != nil {
			got = *normalized
		}
		if shown != c.shown || got != c.normalized {
			t.Errorf("%q %q: %q %q", c.format, c.value, shown, got)
		}
	}
}
