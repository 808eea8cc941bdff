package configs

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// sources are the files whose comments describe the configuration, in the schema as in Go.
//
//go:embed config.go console.go listener.go monitor.go pipeline.go setup.go target.go
var sources embed.FS

// readDocs reads the comments of types (Hook) and of fields (Hook.Rossum).
func readDocs() map[string]string {
	docs := map[string]string{}
	files, err := sources.ReadDir(".")
	for _, f := range files {
		var source []byte
		if source, err = sources.ReadFile(f.Name()); err != nil {
			break
		}
		var tree *ast.File
		if tree, err = parser.ParseFile(token.NewFileSet(), f.Name(), source, parser.ParseComments); err != nil {
			break
		}
		collectDocs(tree, docs)
	}
	if err != nil {
		panic(fmt.Sprintf("configs: own sources: %v", err))
	}
	return docs
}

func collectDocs(tree *ast.File, docs map[string]string) {
	for _, decl := range tree.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		for _, spec := range gen.Specs {
			t := spec.(*ast.TypeSpec)
			docs[t.Name.Name] = oneLine(gen.Doc)
			if body, ok := t.Type.(*ast.StructType); ok {
				for _, field := range body.Fields.List {
					for _, name := range field.Names {
						docs[t.Name.Name+"."+name.Name] = oneLine(field.Doc)
					}
				}
			}
		}
	}
}

func oneLine(doc *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()), " ")
}
