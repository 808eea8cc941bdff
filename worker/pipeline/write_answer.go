package pipeline

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/document"
	jsondoc "github.com/rossum-relay/rossum-relay/worker/document/json"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// answerTrees are the parts of an answer to Rossum that are JSON of the pipeline's own making; nil where not given.
type answerTrees struct{ files, additionalFiles, reply *tree }

func (c *compiler) answers(path string, r *configs.RossumStep, n names) answerTrees {
	given := func(name string, node configs.Node) *tree {
		if node.IsZero() {
			return nil
		}
		return c.tree(path+"."+name, node, n)
	}
	return answerTrees{given("files", r.Files), given("additional_files", r.AdditionalFiles), given("reply", r.Reply)}
}

func (a answerTrees) write(f *frame, done *Write) error {
	for _, one := range []struct {
		tree *tree
		to   *json.RawMessage
	}{{a.files, &done.Files}, {a.additionalFiles, &done.AdditionalFiles}, {a.reply, &done.Reply}} {
		if one.tree == nil {
			continue
		}
		built, err := one.tree.build(f)
		if err != nil {
			return err
		}
		doc, err := jsonDocument(one.tree.path, built)
		if err != nil {
			return err
		}
		*one.to = doc.Body
	}
	return nil
}

func jsonDocument(at string, built any) (document.Document, error) {
	doc, err := jsondoc.Encode(built, jsondoc.Options{})
	if err != nil {
		return document.Document{}, inStep(at, err)
	}
	return doc, nil
}

// Export is a document relation of type export: files that belong to the annotation (Rossum API reference, Document
// Relation). Type, key and annotation are unique together.
type Export struct {
	Key   string
	Files []target.File
}

// exportCode is a compiled export of a rossum step.
type exportCode struct {
	key   string
	files []named
}

func (c *compiler) export(at string, r *configs.RossumExport, n names) *exportCode {
	if r == nil {
		return nil
	}
	e := &exportCode{key: r.Key, files: c.exprs(at+".files", r.Files, n)}
	if e.key == "" {
		e.key, _, _ = strings.Cut(strings.TrimPrefix(at, "pipelines."), ".")
	}
	return e
}

// write makes the files; null leaves one out.
func (e *exportCode) write(f *frame, done *Write) error {
	if e == nil {
		return nil
	}
	done.Export = &Export{Key: e.key}
	for _, p := range e.files {
		v, err := p.value(f)
		if err != nil {
			return err
		}
		if v == nil {
			continue
		}
		made, err := e.file(p, v)
		if err != nil {
			return err
		}
		if made.Name = safeName(p.name); made.Name == "" {
			return outcome.Errorf(outcome.Misconfigured, "filename", "%s: the file name is empty", p.path)
		}
		done.Export.Files = append(done.Export.Files, made)
	}
	return nil
}

// file is a step's document, document.original, a text as it is, or any other value as JSON.
func (e *exportCode) file(p named, v any) (target.File, error) {
	switch v := v.(type) {
	case *file:
		return v.part(p.name), nil
	case *docValue:
		return v.part(p.name), nil
	case string:
		return (&docValue{doc: document.Document{Body: []byte(v), ContentType: contentTypeOf(p.name)}}).part(p.name), nil
	}
	built, err := toTree(v)
	if err != nil {
		return target.File{}, outcome.Errorf(outcome.Misconfigured, "document_shape", "%s (%s): %s", p.path, p.pos, err)
	}
	doc, err := jsonDocument(p.path, built)
	if err != nil {
		return target.File{}, err
	}
	return (&docValue{doc: doc}).part(p.name), nil
}

// text shows the files of an export.
func (e *Export) text() string {
	if e == nil {
		return ""
	}
	names := make([]string, 0, len(e.Files))
	for _, f := range e.Files {
		names = append(names, f.Name)
	}
	return fmt.Sprintf("%s: %s", e.Key, strings.Join(names, ", "))
}
