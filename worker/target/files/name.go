package files

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

const (
	maxName    = 1024 // bytes; the longest key of S3 (Amazon S3 user guide, object keys)
	maxElement = 240  // bytes; 255 on common file systems, less what is appended
)

// CheckName refuses names that a file system, a server or a person would take for another: elements that are empty, hide
// the file or lead elsewhere, and characters that some system gives a meaning to. A slash separates folders. Nothing is
// cleaned or cut: two documents must not end under one name. The error is an *outcome.Error.
func CheckName(name string) error {
	if len(name) > maxName {
		return outcome.Errorf(outcome.Rejected, "name_too_long", "the file name is longer than %d bytes", maxName)
	}
	if !utf8.ValidString(name) {
		return badName("is not UTF-8")
	}
	for element := range strings.SplitSeq(strings.TrimPrefix(name, "/"), "/") {
		if err := checkElement(element); err != nil {
			return err
		}
	}
	return nil
}

func checkElement(element string) error {
	switch {
	case len(element) > maxElement:
		return outcome.Errorf(outcome.Rejected, "name_too_long", "the file name is longer than %d bytes", maxElement)
	case strings.TrimSpace(element) == "":
		return badName("has an empty part")
	case strings.HasPrefix(element, "."):
		return badName("has a part that begins with a dot")
	case strings.HasSuffix(element, "."), strings.TrimSpace(element) != element:
		return badName("has a part that ends with a dot, or begins or ends with a space")
	case strings.ContainsAny(element, `\:*?"<>|`):
		return badName(`has one of \ : * ? " < > |`)
	case strings.ContainsFunc(element, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		return badName("has a control character")
	}
	return nil
}

func badName(what string) error {
	return outcome.Errorf(outcome.Misconfigured, "bad_name", "the file name %s", what)
}

// nth is the name of the n-th try, counted from 0: a.xml, a_2.xml, a_3.xml.
func nth(name string, n int) string {
	if n == 0 {
		return name
	}
	ext := path.Ext(name)
	return fmt.Sprintf("%s_%d%s", strings.TrimSuffix(name, ext), n+1, ext)
}

// companions are the names of the files beside a document: its stem and their extensions. Where that is taken, the part's
// name is added: a.pdf, a_scan.pdf.
func companions(document string, list []target.File) ([]string, error) {
	stem := strings.TrimSuffix(document, path.Ext(document))
	taken := map[string]bool{strings.ToLower(document): true}
	names := make([]string, len(list))
	for i, f := range list {
		ext := extension(f)
		name := stem + ext
		if taken[strings.ToLower(name)] || ext == "" {
			name = stem + "_" + f.Part + ext
		}
		for n, base := 1, name; taken[strings.ToLower(name)]; n++ {
			name = nth(base, n)
		}
		if err := CheckName(name); err != nil {
			return nil, err
		}
		taken[strings.ToLower(name)] = true // some file systems know no case
		names[i] = name
	}
	return names, nil
}

// extension of a file's name; where it has none that is one, by its media type.
func extension(f target.File) string {
	ext := path.Ext(f.Name)
	plain := func(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	if n := len(ext); n > 1 && n <= 10 && strings.IndexFunc(ext[1:], func(r rune) bool { return !plain(r) }) < 0 {
		return ext
	}
	mediaType, _, _ := strings.Cut(f.ContentType, ";")
	switch mediaType {
	case "application/pdf":
		return ".pdf"
	case "application/xml", "text/xml":
		return ".xml"
	case "image/tiff":
		return ".tiff"
	case "image/png":
		return ".png"
	case "image/jpeg":
		return ".jpg"
	}
	return ""
}
