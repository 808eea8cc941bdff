package rossumsim

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// exportQueue is the queue's export in json, csv and xml, and the way to move
// many annotations on with to_status.
func (s *Sim) exportQueue(r *request) answer {
	queue := s.lookUp(r, "queues")
	if queue == nil {
		return notFound()
	}
	query := r.URL.Query()
	var found []*entity
	for _, e := range s.collections["annotations"].ordered() {
		if e.text("queue") == queue.text("url") && s.matches(e, query) {
			found = append(found, e)
		}
	}
	if status := query.Get("to_status"); status != "" && r.Method == http.MethodPost {
		s.moveOn(found, status, r.user.text("url"))
	}
	format := query.Get("format")
	if format == "" {
		_, format, _ = strings.Cut(r.Header.Get("Accept"), "/")
	}
	page, pagination, refusal := s.page(r, found, 1000)
	if refusal != nil {
		return *refusal
	}
	switch format {
	case "csv":
		return s.exportCSV(page, strings.Split(query.Get("columns"), ","))
	case "xml":
		return s.exportXML(page)
	case "json", "*":
		results := make([]any, len(page))
		for i, e := range page {
			results[i] = s.exported(s.annotations[e.id])
		}
		return ok(map[string]any{"pagination": pagination, "results": results})
	}
	return problem(http.StatusBadRequest, "bad_request", "Unknown export format.")
}

func (s *Sim) moveOn(list []*entity, status, user string) {
	for _, e := range list {
		a := s.annotations[e.id]
		switch from := a.status(); {
		case from == rossumapi.StatusExported || from == rossumapi.StatusExporting:
		case status == rossumapi.StatusExporting:
			s.startExport(a, user)
		case status == rossumapi.StatusExported:
			s.setStatus(a, rossumapi.StatusExported, user)
		}
	}
}

// exported is the JSON form of the export: values directly on the datapoints.
func (s *Sim) exported(a *annotation) map[string]any {
	document := s.byURL(a.text("document"))
	return map[string]any{
		"url": a.text("url"), "status": a.status(), "arrived_at": a.attrs["arrived_at"], "exported_at": a.attrs["exported_at"],
		"document": map[string]any{"url": document.text("url"), "file_name": document.text("original_file_name"), "file": document.attrs["content"]},
		"modifier": a.attrs["modifier"], "schema": map[string]any{"url": a.text("schema")}, "metadata": a.attrs["metadata"],
		"content": s.exportedNodes(s.schemaOf(a), a.tree),
	}
}

func (s *Sim) exportedNodes(schema rossumapi.Schema, nodes []*rossumapi.Node) []any {
	list := []any{}
	for _, node := range nodes {
		shown := map[string]any{"category": node.Category, "schema_id": node.SchemaID}
		if node.Category == rossumapi.Datapoint {
			field := schema.Field(node.SchemaID)
			if field != nil && !exportable(*field) {
				continue
			}
			shown["value"] = exportValue(node)
			shown["type"] = "string"
			if field != nil {
				shown["type"] = field.Type
			}
			if confidence, known := node.Confidence(); known {
				shown["rir_confidence"] = confidence
			}
		} else {
			shown["children"] = s.exportedNodes(schema, node.Children)
		}
		list = append(list, shown)
	}
	return list
}

func exportable(field rossumapi.SchemaField) bool {
	var flags struct {
		CanExport *bool `json:"can_export"`
	}
	return json.Unmarshal(field.Raw, &flags) != nil || flags.CanExport == nil || *flags.CanExport
}

// exportValue prefers the normalized value.
func exportValue(node *rossumapi.Node) string {
	if normalized, given := node.Normalized(); given {
		return normalized
	}
	return node.Value()
}

// exportCSV writes a line per row of the first table, header fields repeated.
func (s *Sim) exportCSV(list []*entity, columns []string) answer {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if len(columns) == 1 && columns[0] == "" {
		columns = []string{"meta_file_name", "meta_status", "meta_url"}
	}
	_ = w.Write(columns) // a buffer takes everything
	for _, e := range list {
		a := s.annotations[e.id]
		meta := map[string]string{"meta_status": a.status(), "meta_url": a.text("url"), "meta_arrived_at": a.text("arrived_at"),
			"meta_modified_at": a.text("modified_at"), "meta_file_name": s.byURL(a.text("document")).text("original_file_name")}
		for _, row := range rowsFor(a.tree, columns) {
			line := make([]string, len(columns))
			for i, column := range columns {
				line[i] = meta[column]
				node := row.First(column)
				if node == nil {
					node = headerField(a.tree, column)
				}
				if node != nil {
					line[i] = exportValue(node)
				}
			}
			_ = w.Write(line)
		}
	}
	w.Flush()
	return answer{status: http.StatusOK, raw: b.Bytes(), header: map[string]string{"Content-Type": "text/csv"}}
}

// rowsFor returns the rows that hold one of the columns, or one nil row.
func rowsFor(tree rossumapi.Tree, columns []string) []*rossumapi.Node {
	for node := range tree.All() {
		for _, column := range columns {
			if len(node.Rows()) > 0 && node.First(column) != nil {
				return node.Rows()
			}
		}
	}
	return []*rossumapi.Node{nil}
}

func headerField(tree rossumapi.Tree, schemaID string) *rossumapi.Node {
	for _, section := range tree {
		for _, node := range section.Children {
			if node.Category == rossumapi.Datapoint && node.SchemaID == schemaID {
				return node
			}
		}
	}
	return nil
}

func (s *Sim) exportXML(list []*entity) answer {
	type element struct {
		XMLName  xml.Name
		URL      string    `xml:"url,attr,omitempty"`
		SchemaID string    `xml:"schema_id,attr,omitempty"`
		Text     string    `xml:",chardata"`
		Children []element `xml:",any"`
	}
	named := func(name, text string) element { return element{XMLName: xml.Name{Local: name}, Text: text} }
	var nodes func(list []*rossumapi.Node) []element
	nodes = func(list []*rossumapi.Node) (elements []element) {
		for _, node := range list {
			e := element{XMLName: xml.Name{Local: node.Category}, SchemaID: node.SchemaID, Children: nodes(node.Children)}
			if node.Category == rossumapi.Datapoint {
				e.Text = exportValue(node)
			}
			elements = append(elements, e)
		}
		return elements
	}
	results := named("results", "")
	for _, e := range list {
		a := s.annotations[e.id]
		content := named("content", "")
		content.Children = nodes(a.tree)
		shown := element{XMLName: xml.Name{Local: "annotation"}, URL: a.text("url"), Children: []element{
			named("status", a.status()), named("arrived_at", a.text("arrived_at")), named("exported_at", a.text("exported_at")), content}}
		results.Children = append(results.Children, shown)
	}
	raw, err := xml.Marshal(element{XMLName: xml.Name{Local: "export"}, Children: []element{results}})
	if err != nil {
		return problem(http.StatusInternalServerError, "error", err.Error())
	}
	return answer{status: http.StatusOK, raw: raw, header: map[string]string{"Content-Type": "application/xml"}}
}
