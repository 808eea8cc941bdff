package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// filters are the filters beyond Jinja's own. Null stays nothing in all of them; what is undefined is an error, but in
// template files, where it is nothing too.
func filters() map[string]jinja.FilterFunc {
	all := map[string]jinja.FilterFunc{
		"number":         number,
		"money":          money,
		"date":           date,
		"iso_date":       isoDate,
		"currency_minor": currencyMinor,
		"xml":            onText(xmlText),
		"csv_field":      onText(csvField),
		"edifact":        onText(edifact),
		"ascii":          onText(asciiText),
		"sha256":         onText(sha256Text),
		"pad":            onText(pad),
		"fixed":          onText(fixedWidth),
		"limit":          onText(limit),
		"jmespath":       jmespathFilter,
		"lookup":         lookup,
	}
	for name, filter := range all {
		all[name] = defined(filter)
	}
	return all
}

// defined keeps what is undefined out of a filter.
func defined(filter jinja.FilterFunc) jinja.FilterFunc {
	return func(ctx context.Context, value any, args []any, kwargs map[string]any) (any, error) {
		if !jinja.IsUndefined(value) {
			return filter(ctx, value, args, kwargs)
		}
		f := frameOf(ctx)
		if f.lenient {
			return filter(ctx, nil, args, kwargs)
		}
		return nil, &jinja.Error{Kind: jinja.KindUndefined, Message: f.notes.missingName() + " is undefined"}
	}
}

// textFilter is a filter of text.
type textFilter func(f *frame, text string, a arguments) (string, error)

// onText makes a filter of scalars as text.
func onText(filter textFilter) jinja.FilterFunc {
	return func(ctx context.Context, value any, args []any, kwargs map[string]any) (any, error) {
		text, ok := textOf(value)
		if !ok {
			return nil, typeError("text is needed, not %s", kindOf(value))
		}
		return filter(frameOf(ctx), text, arguments{args, kwargs})
	}
}

// xmlText escapes text for elements and quoted attributes, and drops what XML 1.0 cannot hold.
func xmlText(_ *frame, text string, _ arguments) (string, error) {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(text), nil
}

// csvField quotes text where it holds the delimiter, a quote, a line break or blanks at its ends: csv_field(';').
func csvField(_ *frame, text string, a arguments) (string, error) {
	delimiter, ok := a.text(0, "delimiter", ",")
	if !ok || delimiter == "" {
		return "", typeError("csv_field takes a delimiter")
	}
	if !strings.ContainsAny(text, delimiter+"\"\r\n") && strings.TrimSpace(text) == text {
		return text, nil
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`, nil
}

// edifact puts the release character before EDIFACT's separators and turns line breaks to blanks (UNA:+.? ').
func edifact(_ *frame, text string, _ arguments) (string, error) {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f:
			return -1
		}
		return r
	}, text)
	return strings.NewReplacer("?", "??", "'", "?'", "+", "?+", ":", "?:").Replace(text), nil
}

func sha256Text(_ *frame, text string, _ arguments) (string, error) {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), nil
}

// maxWidth bounds pad and fixed.
const maxWidth = 10_000

// pad fills text on the left up to a width: pad(10) with zeros, pad(10, ' ') with blanks. Longer text is refused: a
// number without its beginning is another number.
func pad(f *frame, text string, a arguments) (string, error) {
	width, ok := a.number(0, "width", 0, maxWidth)
	fill, filled := a.text(1, "fill", "0")
	if !ok || !filled || len([]rune(fill)) != 1 || width == 0 {
		return "", typeError("pad takes a width up to %d and a fill character", maxWidth)
	}
	n := len([]rune(text))
	if n > width {
		return "", tooLong(f, text, width)
	}
	return strings.Repeat(fill, width-n) + text, nil
}

// fixedWidth is the filter fixed: it fills text with blanks on the right up to a width. Longer text is refused, or cut with fixed(10, cut=true).
func fixedWidth(f *frame, text string, a arguments) (string, error) {
	width, ok := a.number(0, "width", 0, maxWidth)
	if !ok || width == 0 {
		return "", typeError("fixed takes a width up to %d", maxWidth)
	}
	chars := []rune(text)
	if len(chars) <= width {
		return text + strings.Repeat(" ", width-len(chars)), nil
	}
	if cut, _ := a.get(1, "cut"); cut == true {
		return string(chars[:width]), nil
	}
	return "", tooLong(f, text, width)
}

// limit passes text of up to a number of characters. Longer text is refused: a number without its end is another number.
// Plain texts are cut with limit(50, cut=true).
func limit(f *frame, text string, a arguments) (string, error) {
	most, ok := a.number(0, "most", 0, maxWidth)
	if !ok || most == 0 {
		return "", typeError("limit takes a number of characters up to %d", maxWidth)
	}
	chars := []rune(text)
	if len(chars) <= most {
		return text, nil
	}
	if cut, _ := a.get(1, "cut"); cut == true {
		return string(chars[:most]), nil
	}
	return "", tooLong(f, text, most)
}

// refuse rejects at the field that holds the text, else it is an error of the expression.
func refuse(f *frame, text, reason, complaint string) error {
	if node := f.notes.holding(text); node != nil {
		return rejectAt(reason, complaint, node)
	}
	return &jinja.Error{Kind: jinja.KindValue, Message: "a value " + complaint}
}

func tooLong(f *frame, text string, width int) error {
	return refuse(f, text, "too_long", fmt.Sprintf("is longer than %d characters", width))
}
