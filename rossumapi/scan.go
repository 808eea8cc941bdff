package rossumapi

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds the nesting of objects and arrays. A content tree needs 12
// levels; settings and metadata are written by hand.
const maxDepth = 100

// SyntaxError says where a body stops being acceptable JSON.
type SyntaxError struct {
	Offset int    // bytes before the place
	Reason string // what is wrong there
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("bad JSON at byte %d: %s", e.Offset, e.Reason)
}

// scanner walks over JSON text without materialising it. Its methods leave
// pos behind the value they read. Strictness is that of RFC 8259, plus valid
// UTF-8 and maxDepth.
type scanner struct {
	data  []byte
	pos   int
	depth int
}

func (s *scanner) fail(at int, format string, args ...any) error {
	return &SyntaxError{Offset: at, Reason: fmt.Sprintf(format, args...)}
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) && s.data[s.pos] > ' ' {
		return s.data[s.pos]
	}
	return s.skipSpace()
}

func (s *scanner) skipSpace() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) unexpected(want string) error {
	if s.pos >= len(s.data) {
		return s.fail(s.pos, "unexpected end, want %s", want)
	}
	return s.fail(s.pos, "unexpected %q, want %s", s.data[s.pos], want)
}

// end fails unless only white space is left.
func (s *scanner) end() error {
	if s.peek(); s.pos < len(s.data) {
		return s.unexpected("the end of the body")
	}
	return nil
}

func (s *scanner) enter() error {
	if s.depth++; s.depth > maxDepth {
		return s.fail(s.pos, "nested deeper than %d levels", maxDepth)
	}
	s.pos++
	return nil
}

// object calls member for every key of an object; member must read the value.
// The key is only valid during the call.
func (s *scanner) object(member func(key []byte) error) error {
	if s.peek() != '{' {
		return s.unexpected("an object")
	}
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		done, err := s.next('}', first)
		if done || err != nil {
			return err
		}
		key, err := s.key()
		if err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
	}
}

// array calls element before every element; element must read the value.
func (s *scanner) array(element func() error) error {
	if s.peek() != '[' {
		return s.unexpected("a list")
	}
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		done, err := s.next(']', first)
		if done || err != nil {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// next steps over the comma before the next entry, or over the closing bracket.
func (s *scanner) next(closing byte, first bool) (done bool, err error) {
	c := s.peek()
	if c == closing {
		s.pos++
		s.depth--
		return true, nil
	}
	if first {
		return false, nil
	}
	if c != ',' {
		return false, s.unexpected("',' or '" + string(closing) + "'")
	}
	s.pos++
	if s.peek() == closing {
		return false, s.unexpected("a value")
	}
	return false, nil
}

// key reads an object key and the colon behind it.
func (s *scanner) key() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.unexpected("a key")
	}
	start := s.pos
	escaped, err := s.skipString()
	if err != nil {
		return nil, err
	}
	key := s.data[start+1 : s.pos-1]
	if escaped {
		key = unquote(s.data[start:s.pos])
	}
	return key, s.colon()
}

func (s *scanner) skipKey() error {
	if s.peek() != '"' {
		return s.unexpected("a key")
	}
	if _, err := s.skipString(); err != nil {
		return err
	}
	return s.colon()
}

func (s *scanner) colon() error {
	if s.peek() != ':' {
		return s.unexpected("':'")
	}
	s.pos++
	return nil
}

// skip validates the next value of any kind and steps over it.
func (s *scanner) skip() error {
	switch c := s.peek(); {
	case c == '"':
		_, err := s.skipString()
		return err
	case c == '{':
		return s.skipObject()
	case c == '[':
		return s.skipArray()
	case c == '-' || c >= '0' && c <= '9':
		return s.skipNumber()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.unexpected("a value")
}

// skipObject and skipArray are object and array without callbacks: most of a payload is stepped over.
func (s *scanner) skipObject() error {
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if done, err := s.next('}', first); done || err != nil {
			return err
		}
		if err := s.skipKey(); err != nil {
			return err
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}

func (s *scanner) skipArray() error {
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if done, err := s.next(']', first); done || err != nil {
			return err
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.unexpected("a value")
	}
	s.pos += len(word)
	return nil
}

func (s *scanner) skipNumber() error {
	if s.data[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.data) && s.data[s.pos] == '0' {
		s.pos++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos]-'0' <= 9 {
		s.pos++
	}
	if s.pos == start {
		return s.unexpected("a digit")
	}
	return nil
}

// skipString steps over a string and tells whether it holds escapes.
func (s *scanner) skipString() (escaped bool, err error) {
	start, nonASCII := s.pos, false
	for s.pos++; ; {
		s.pos += plainRun(s.data[s.pos:])
		if s.pos >= len(s.data) {
			return false, s.fail(start, "string without end")
		}
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			if nonASCII && !utf8.Valid(s.data[start:s.pos]) {
				return false, s.fail(start, "string is not valid UTF-8")
			}
			return escaped, nil
		case c == '\\':
			escaped = true
			if err := s.skipEscape(); err != nil {
				return false, err
			}
		case c >= utf8.RuneSelf:
			nonASCII = true
			s.pos++
		default:
			return false, s.fail(s.pos, "control character %#02x in a string", c)
		}
	}
}

// plainRun counts the leading bytes that need no attention inside a string,
// eight at a time: payloads are mostly strings.
func plainRun(b []byte) int {
	const lows, highs = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		w := uint64(b[n]) | uint64(b[n+1])<<8 | uint64(b[n+2])<<16 | uint64(b[n+3])<<24 |
			uint64(b[n+4])<<32 | uint64(b[n+5])<<40 | uint64(b[n+6])<<48 | uint64(b[n+7])<<56
		quote, slash := w^(lows*'"'), w^(lows*'\\')
		special := (w - lows*0x20) | (quote - lows) | (slash - lows) | w
		if hit := special & highs; hit != 0 {
			// A borrow can flag a byte behind a true hit, never one before it.
			return n + bits.TrailingZeros64(hit)/8
		}
	}
	for ; n < len(b); n++ {
		if c := b[n]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return n
}

func (s *scanner) skipEscape() error {
	at := s.pos
	s.pos++
	if s.pos >= len(s.data) {
		return s.fail(at, "string without end")
	}
	switch c := s.data[s.pos]; c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		if len(s.data)-s.pos >= 5 {
			if _, err := strconv.ParseUint(string(s.data[s.pos+1:s.pos+5]), 16, 16); err == nil {
				s.pos += 5
				return nil
			}
		}
	}
	return s.fail(at, "bad escape in a string")
}

// raw validates the next value and returns its bytes, aliasing the body.
func (s *scanner) raw() (json.RawMessage, error) {
	s.peek()
	start := s.pos
	if err := s.skip(); err != nil {
		return nil, err
	}
	return s.data[start:s.pos:s.pos], nil
}

// unquote decodes a string token that skipString has accepted. Escaped lone
// surrogates become U+FFFD, as in encoding/json.
func unquote(token []byte) []byte {
	var text string
	if err := json.Unmarshal(token, &text); err != nil {
		return token[1 : len(token)-1] // unreachable: the token was validated
	}
	return []byte(text)
}
