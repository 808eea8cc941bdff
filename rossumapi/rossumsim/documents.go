package rossumsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// addDocument stores a file; mu must be held.
func (s *Sim) addDocument(name, mimeType string, content []byte, creator string) *entity {
	document := s.add("documents", map[string]any{
		"original_file_name": name, "mime_type": mimeType, "s3_name": s.randomHex(16),
		"creator": orNil(creator), "created_at": s.now(), "arrived_at": s.now(),
	})
	document.attrs["content"] = document.text("url") + "/content"
	s.files[document.id] = content
	return document
}

func (s *Sim) getDocumentContent(r *request) answer {
	document := s.lookUp(r, "documents")
	content, stored := s.files[r.id()]
	if document == nil || !stored {
		return notFound()
	}
	return answer{status: http.StatusOK, raw: content, header: map[string]string{
		"Content-Type":        document.text("mime_type"),
		"Content-Disposition": mime.FormatMediaType("attachment", map[string]string{"filename": document.text("original_file_name")}),
	}}
}

// parts is a decoded upload: files by their order, and the other values.
type parts struct {
	names    []string
	types    []string
	contents [][]byte
	values   map[string]string
}

// readParts reads a multipart body, or a raw one named by its header.
func readParts(r *request) (parts, *answer) {
	refuse := func(text string) (parts, *answer) {
		a := problem(http.StatusBadRequest, "bad_request", text)
		return parts{}, &a
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		_, disposition, err := mime.ParseMediaType(r.Header.Get("Content-Disposition"))
		if err != nil || disposition["filename"] == "" {
			return refuse("No file was submitted.")
		}
		return parts{names: []string{disposition["filename"]}, types: []string{kind}, contents: [][]byte{r.data}}, nil
	}
	found := parts{values: map[string]string{}}
	reader := multipart.NewReader(bytes.NewReader(r.data), params["boundary"])
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return refuse("Multipart form parse error")
		}
		content, err := io.ReadAll(part)
		switch {
		case err != nil:
			return refuse("Multipart form parse error")
		case len(content) > rossumapi.MaxFile:
			a := problem(http.StatusRequestEntityTooLarge, "", "File is too large.")
			return parts{}, &a
		case part.FormName() == "content":
			found.names = append(found.names, part.FileName())
			found.types = append(found.types, part.Header.Get("Content-Type"))
			found.contents = append(found.contents, content)
		case part.FormName() != "parent" && part.Header.Get("Content-Type") != "application/json":
			return refuse("Value must be valid JSON.")
		default:
			found.values[part.FormName()] = string(content)
		}
	}
	if len(found.names) == 0 {
		return refuse("No file was submitted.")
	}
	return found, nil
}

// mimeOf guesses the type of a file from its name, as Rossum sets it.
func mimeOf(name, given string) string {
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		if guessed, _, err := mime.ParseMediaType(mime.TypeByExtension(name[dot:])); err == nil {
			return guessed
		}
	}
	if given == "" {
		return "application/octet-stream"
	}
	return given
}

func (s *Sim) createDocument(r *request) answer {
	form, refusal := readParts(r)
	if refusal != nil {
		return *refusal
	}
	document := s.addDocument(form.names[0], mimeOf(form.names[0], form.types[0]), form.contents[0], r.user.text("url"))
	if text := form.values["metadata"]; text != "" {
		metadata := map[string]any{}
		if json.Unmarshal([]byte(text), &metadata) != nil {
			return invalid("metadata", "Value must be valid JSON.")
		}
		if refusal := metadataComplaint(map[string]any{"metadata": metadata}); refusal != nil {
			return *refusal
		}
		document.attrs["metadata"] = metadata
	}
	document.attrs["parent"] = orNil(form.values["parent"])
	return answer{status: http.StatusCreated, body: document.attrs}
}

// onePagePDF makes a small valid PDF that shows the text.
func onePagePDF(text string) []byte {
	safe := strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text)
	safe = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, safe)
	stream := "BT /F1 18 Tf 72 720 Td (" + safe + ") Tj ET"
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		"<< /Length " + strconv.Itoa(len(stream)) + " >>\nstream\n" + stream + "\nendstream",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, object := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	table := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table)
	return b.Bytes()
}
