package erpsim

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// maxDepth of nested objects and elements that are looked into.
const maxDepth = 4

// parseFields are the scalar fields of a document by name, nested ones as supplier[id]; of several with one name the
// first. A content type it does not know has none; a document that is not what it says is an error.
func parseFields(contentType string, body []byte) (map[string]string, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return nil, fmt.Errorf("content type: %w", err)
	}
	fields := map[string]string{}
	switch {
	case strings.HasSuffix(media, "json"):
		err = jsonFields(fields, body)
	case strings.HasSuffix(media, "xml"):
		err = xmlFields(fields, body)
	case media == "text/csv":
		err = csvFields(fields, body)
	case media == "application/x-www-form-urlencoded":
		err = formFields(fields, body)
	case strings.HasPrefix(media, "multipart/"):
		err = multipartFields(fields, body, params["boundary"])
	}
	return fields, err
}

func put(fields map[string]string, name, value string) {
	if _, have := fields[name]; !have && name != "" {
		fields[name] = value
	}
}

func nested(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "[" + name + "]"
}

func jsonFields(fields map[string]string, body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("JSON: text after the document")
	}
	flatten(fields, "", v, 0)
	return nil
}

func flatten(fields map[string]string, name string, v any, depth int) {
	switch v := v.(type) {
	case map[string]any:
		if depth < maxDepth {
			for k, child := range v {
				flatten(fields, nested(name, k), child, depth+1)
			}
		}
	case nil, []any:
	default:
		put(fields, name, fmt.Sprint(v))
	}
}

func xmlFields(fields map[string]string, body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(r), nil
	}
	var names []string // below the root
	var text strings.Builder
	root := false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) && root { // the decoder refuses an end inside an element
			return nil
		}
		if err != nil {
			return fmt.Errorf("XML: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if root {
				names = append(names, t.Name.Local)
			}
			root = true
			text.Reset()
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if value := strings.TrimSpace(text.String()); value != "" && len(names) > 0 && len(names) <= maxDepth {
				name := ""
				for _, n := range names {
					name = nested(name, n)
				}
				put(fields, name, value)
			}
			text.Reset()
			if len(names) > 0 {
				names = names[:len(names)-1]
			}
		}
	}
}

// csvFields are the first row's, named by the header; the delimiter is the one the header has most of.
func csvFields(fields map[string]string, body []byte) error {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	first, _, _ := bytes.Cut(body, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(body))
	r.LazyQuotes, r.FieldsPerRecord = true, -1
	for _, delimiter := range []rune{';', '\t', '|'} {
		if strings.Count(string(first), string(delimiter)) > strings.Count(string(first), string(r.Comma)) {
			r.Comma = delimiter
		}
	}
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("CSV: %w", err)
	}
	row, err := r.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("CSV: %w", err)
	}
	for i := range min(len(header), len(row)) {
		put(fields, header[i], row[i])
	}
	return nil
}

func formFields(fields map[string]string, body []byte) error {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return fmt.Errorf("form: %w", err)
	}
	for name := range form {
		put(fields, name, form.Get(name))
	}
	return nil
}

// multipartFields are the values of plain parts and the fields of parts that are documents.
func multipartFields(fields map[string]string, body []byte, boundary string) error {
	for r := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // of a body that is cut the error wraps io.EOF
			return nil
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if contentType := part.Header.Get("Content-Type"); contentType == "" && part.FileName() == "" {
			put(fields, part.FormName(), string(content))
			continue
		} else if inner, err := parseFields(contentType, content); err == nil {
			for name, value := range inner {
				put(fields, name, value)
			}
		}
	}
}

// numberNames are the names of fields that number a document, without case, hyphens and underscores.
var numberNames = map[string]bool{
	"id": true, "number": true, "invoicenumber": true, "invoiceno": true, "invoiceid": true, "documentid": true, "documentnumber": true,
	"docnumber": true, "tranid": true, "externalid": true, "billno": true, "vendorinvoicenumber": true, "supplierinvoiceidbyinvcgparty": true,
}

// numbersDocument reports whether a field's name says that it numbers the document.
func numbersDocument(name string) bool {
	return numberNames[strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(name))]
}
