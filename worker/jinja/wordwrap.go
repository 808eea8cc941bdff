package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func filterWordwrap(c *call) (any, error) {
	s, err := c.str(0)
	if err != nil {
		return nil, noAttribute(c.args[0], "splitlines")
	}
	width, err := c.integer(1, 79)
	if err != nil {
		return nil, err
	}
	breakLong, err := c.flag(2, true)
	if err != nil {
		return nil, err
	}
	sep := "\n"
	if c.given(3) {
		if sep, err = c.str(3); err != nil {
			return nil, err
		}
	}
	hyphens, err := c.flag(4, true)
	if err != nil {
		return nil, err
	}
	if err := c.rt.step(len(s)); err != nil {
		return nil, err
	}
	var lines []string
	for _, line := range splitLines(s, false) {
		if width <= 0 {
			return nil, valueError("invalid width %d (must be > 0)", width)
		}
		wrapped := wrapWords(line, width, breakLong, hyphens)
		if len(wrapped) == 0 {
			wrapped = []string{""}
		}
		lines = append(lines, wrapped...)
	}
	if err := c.rt.repeatBytes(len(sep), len(lines)); err != nil {
		return nil, err
	}
	return c.softResult(strings.Join(lines, sep), false)
}

// wrapper fills lines with chunks, as Python's textwrap.TextWrapper does.
type wrapper struct {
	width     int
	breakLong bool
	hyphens   bool
	chunks    []string // still to place
	line      []string
	used      int // code points in line
	lines     []string
}

func wrapWords(s string, width int, breakLong, hyphens bool) []string {
	w := &wrapper{width: width, breakLong: breakLong, hyphens: hyphens, chunks: splitChunks(s, hyphens)}
	for len(w.chunks) > 0 {
		w.fill()
	}
	return w.lines
}

// fill places one line's chunks.
func (w *wrapper) fill() {
	w.line, w.used = nil, 0
	if len(w.lines) > 0 && isBlank(w.chunks[0]) {
		w.chunks = w.chunks[1:]
	}
	for len(w.chunks) > 0 {
		n := utf8.RuneCountInString(w.chunks[0])
		if w.used+n > w.width {
			break
		}
		w.place(w.chunks[0], n)
		w.chunks = w.chunks[1:]
	}
	if len(w.chunks) > 0 && utf8.RuneCountInString(w.chunks[0]) > w.width {
		w.splitLong()
	}
	if n := len(w.line); n > 0 && isBlank(w.line[n-1]) {
		w.line = w.line[:n-1]
	}
	if len(w.line) > 0 {
		w.lines = append(w.lines, strings.Join(w.line, ""))
	}
}

func (w *wrapper) place(chunk string, n int) {
	w.line = append(w.line, chunk)
	w.used += n
}

// splitLong places as much as fits of a chunk longer than a line.
func (w *wrapper) splitLong() {
	room := w.width - w.used
	chunk := w.chunks[0]
	switch {
	case w.breakLong:
		end := room
		if w.hyphens && utf8.RuneCountInString(chunk) > room {
			head := chunk[:runeOffset(chunk, room)]
			if i := strings.LastIndexByte(head, '-'); i > 0 && strings.Trim(head[:i], "-") != "" {
				end = utf8.RuneCountInString(head[:i]) + 1
			}
		}
		cut := runeOffset(chunk, end)
		w.place(chunk[:cut], end)
		w.chunks[0] = chunk[cut:]
	case len(w.line) == 0:
		w.place(chunk, utf8.RuneCountInString(chunk))
		w.chunks = w.chunks[1:]
	}
}

// textwrap's own idea of white space is ASCII's.
const wrapSpace = "\t\n\v\f\r "

func isBlank(s string) bool { return strings.TrimFunc(s, isSpace) == "" }

// splitChunks cuts the text into words, runs of white space and, with
// hyphens, parts of words that end in a hyphen or are an em-dash.
func splitChunks(s string, hyphens bool) []string {
	var chunks []string
	for s != "" {
		n := len(s) - len(strings.TrimLeft(s, wrapSpace))
		if n == 0 {
			if n = strings.IndexAny(s, wrapSpace); n < 0 {
				n = len(s)
			}
			if hyphens {
				chunks = append(chunks, splitHyphens(s[:n])...)
				s = s[n:]
				continue
			}
		}
		chunks = append(chunks, s[:n])
		s = s[n:]
	}
	return chunks
}

// splitHyphens cuts a word after hyphens between letters and around dashes.
func splitHyphens(word string) []string {
	if strings.IndexByte(word, '-') < 0 {
		return []string{word}
	}
	r := []rune(word)
	var chunks []string
	for i := 0; i < len(r); {
		end := i + hyphenRun(r, i)
		if end == i || !endsPunctuated(r, i) {
			end = hyphenPart(r, i)
		}
		chunks = append(chunks, string(r[i:end]))
		i = end
	}
	return chunks
}

// hyphenRun is the length of a dash at i: two hyphens or more before a word.
func hyphenRun(r []rune, i int) int {
	n := 0
	for i+n < len(r) && r[i+n] == '-' {
		n++
	}
	if n < 2 || i+n == len(r) || !isWordRune(r[i+n]) {
		return 0
	}
	return n
}

// endsPunctuated reports whether a word or its punctuation ends before i.
func endsPunctuated(r []rune, i int) bool {
	return i > 0 && (isWordRune(r[i-1]) || strings.ContainsRune("!\"'&.,?", r[i-1]))
}

// hyphenPart is where the part of the word that begins at i ends.
func hyphenPart(r []rune, i int) int {
	letter := func(j int) bool {
		return j >= 0 && j < len(r) && (r[j] == '_' || unicode.IsLetter(r[j]) || isNumeric(r[j]) && !isDecimalDigit(r[j]))
	}
	hyphen := func(j int) bool { return j >= 0 && j < len(r) && r[j] == '-' }
	for j := i + 1; j < len(r); j++ {
		if !hyphen(j) {
			continue
		}
		before := letter(j-2) && letter(j-1) || letter(j-3) && hyphen(j-2) && letter(j-1)
		after := letter(j+1) && (letter(j+2) || hyphen(j+2) && letter(j+3))
		switch {
		case before && after:
			return j + 1
		case endsPunctuated(r, j) && hyphenRun(r, j) > 0:
			return j
		}
	}
	return len(r)
}
