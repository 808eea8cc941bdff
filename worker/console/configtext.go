package console

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
)

// dots stand for a secret of the configuration.
const dots = "••••••••"

// configText shows a part of the configuration as loaded, with its defaults, as YAML. Secrets, the values of headers and
// the users of URLs are dots.
func configText(v any) string {
	var b strings.Builder
	writeStruct(&b, reflect.ValueOf(v), "")
	return b.String()
}

func writeStruct(b *strings.Builder, v reflect.Value, indent string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-" || v.Field(i).IsZero():
		case strings.Contains(flags, "inline"):
			writeInline(b, v.Field(i), indent)
		case name == "":
		default:
			writeEntry(b, indent, name, v.Field(i))
		}
	}
}

// writeInline writes the entries of an inlined part at its parent's level.
func writeInline(b *strings.Builder, v reflect.Value, indent string) {
	if n, ok := v.Interface().(configs.Node); ok {
		writeNode(b, n, indent)
	} else if v.Kind() == reflect.Struct {
		writeStruct(b, v, indent)
	}
}

func writeEntry(b *strings.Builder, indent, name string, v reflect.Value) {
	if name == "headers" {
		writeHidden(b, indent, name, v)
		return
	}
	if text, ok := scalarText(v.Interface()); ok {
		fmt.Fprintf(b, "%s%s: %s\n", indent, name, text)
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, name)
	writeBelow(b, v, indent+"  ")
}

// writeHidden writes the names of a map only.
func writeHidden(b *strings.Builder, indent, name string, v reflect.Value) {
	fmt.Fprintf(b, "%s%s:\n", indent, name)
	for i := range v.Len() {
		if f := v.Index(i).FieldByName("Name"); v.Kind() == reflect.Slice && f.IsValid() {
			fmt.Fprintf(b, "%s  %s: %s\n", indent, f.String(), dots)
		}
	}
}

func writeBelow(b *strings.Builder, v reflect.Value, indent string) {
	if n, ok := v.Interface().(configs.Node); ok {
		writeNode(b, n, indent)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		writeBelow(b, v.Elem(), indent)
	case reflect.Struct:
		writeStruct(b, v, indent)
	case reflect.Slice:
		for i := range v.Len() {
			writeItem(b, v.Index(i), indent)
		}
	}
}

// writeItem writes an item of a list, or a name of a configs.Named.
func writeItem(b *strings.Builder, v reflect.Value, indent string) {
	if v.Kind() == reflect.Struct && v.FieldByName("Value").IsValid() && v.FieldByName("Name").IsValid() {
		writeEntry(b, indent, v.FieldByName("Name").String(), v.FieldByName("Value"))
		return
	}
	if step, ok := v.Interface().(configs.Step); ok {
		fmt.Fprintf(b, "%s- %s:\n", indent, step.Name)
		writeStruct(b, v, indent+"    ")
		return
	}
	if text, ok := scalarText(v.Interface()); ok {
		fmt.Fprintf(b, "%s- %s\n", indent, text)
		return
	}
	var item strings.Builder
	writeBelow(&item, v, "")
	for i, line := range strings.Split(strings.TrimSuffix(item.String(), "\n"), "\n") {
		mark := "  "
		if i == 0 {
			mark = "- "
		}
		fmt.Fprintf(b, "%s%s%s\n", indent, mark, line)
	}
}

func writeNode(b *strings.Builder, n configs.Node, indent string) {
	for _, item := range n.List {
		if item.Kind == configs.NodeMap || item.Kind == configs.NodeList {
			fmt.Fprintf(b, "%s-\n", indent)
			writeNode(b, item, indent+"  ")
			continue
		}
		fmt.Fprintf(b, "%s- %s\n", indent, quoted(item.Text))
	}
	for _, e := range n.Map {
		if e.Value.Kind == configs.NodeMap || e.Value.Kind == configs.NodeList {
			fmt.Fprintf(b, "%s%s:\n", indent, e.Name)
			writeNode(b, e.Value, indent+"  ")
			continue
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, e.Name, quoted(e.Value.Text))
	}
}

// scalarText is the text of a value that is written on one line.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case configs.Secret:
		return dots, true
	case configs.Duration:
		return durationText(v.D()), true
	case configs.Size:
		return sizeText(int64(v)), true
	case configs.Rate:
		return rateText(v), true
	case configs.Template:
		return quoted(withoutUser(v.Source)), true
	case configs.Expr:
		return quoted(v.Source), true
	case configs.QueueRef:
		return quoted(v.Name), true
	case configs.Node:
		if v.Kind == configs.NodeMap || v.Kind == configs.NodeList {
			return "", false
		}
		return quoted(v.Text), true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.String:
		return quoted(withoutUser(r.String())), true
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(r.Int(), 10), true
	case reflect.Bool:
		return strconv.FormatBool(r.Bool()), true
	}
	return "", false
}

// withoutUser takes user and password out of a URL.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	u.User = url.User("dots")
	return strings.Replace(u.String(), "dots@", dots+"@", 1)
}

// quoted quotes what YAML would read as something else.
func quoted(text string) string {
	if text == "" || strings.ContainsAny(text, "\n:#{}[]&*!|>'\"%@`,") || strings.TrimSpace(text) != text {
		return strconv.Quote(text)
	}
	return text
}

func durationText(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

func sizeText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
