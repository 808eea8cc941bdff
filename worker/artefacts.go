package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/pipeline"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// relationExport is the type of the document relations that hold what was made of an annotation's data.
const relationExport = "export"

// writeExport makes the files those of the annotation's document relation with this key. Files that are there already, by
// name and content, are not created again: creating one is not idempotent (Rossum API reference, trap 41).
func writeExport(ctx context.Context, client *rossumapi.Client, a rossumapi.Annotation, export *pipeline.Export) error {
	if export == nil {
		return nil
	}
	documents := make([]string, 0, len(export.Files))
	for _, f := range export.Files {
		url, err := storeArtefact(ctx, client, a, export.Key, f)
		if err != nil {
			return fmt.Errorf("file %s: %w", f.Name, err)
		}
		documents = append(documents, url)
	}
	if _, err := client.PutDocumentRelation(ctx, a.URL, relationExport, export.Key, documents); err != nil {
		return fmt.Errorf("document relation %s: %w", export.Key, err)
	}
	return nil
}

// storeArtefact finds or creates one file and returns its URL.
func storeArtefact(ctx context.Context, client *rossumapi.Client, a rossumapi.Annotation, key string, f target.File) (string, error) {
	content, err := readArtefact(ctx, f)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(content)
	sum := hex.EncodeToString(digest[:])
	name := fmt.Sprintf("%d-%s-%s", a.ID, key, f.Name) // one of the few of this name in the organization
	for d, err := range client.Documents(ctx, map[string][]string{"original_file_name": {name}}) {
		if err != nil {
			return "", err
		}
		var mark artefactMark
		if d.OriginalFileName == name && json.Unmarshal(d.Metadata.Get(metadataKey), &mark) == nil && mark.SHA256 == sum {
			return d.URL, nil
		}
	}
	created, err := client.CreateDocument(ctx, rossumapi.NewDocument{
		Name: name, ContentType: f.ContentType, Content: content,
		Metadata: map[string]any{metadataKey: artefactMark{Annotation: strconv.FormatInt(a.ID, 10), SHA256: sum}},
	})
	return created.URL, err
}

// artefactMark is what the relay writes into the metadata of the files it creates.
type artefactMark struct {
	Annotation string `json:"annotation"`
	SHA256     string `json:"sha256"`
}

func readArtefact(ctx context.Context, f target.File) ([]byte, error) {
	body, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	content, err := io.ReadAll(io.LimitReader(body, rossumapi.MaxFile+1))
	if err == nil && len(content) > rossumapi.MaxFile {
		return nil, outcome.Errorf(outcome.Rejected, "file_too_large", "the file is larger than the %d MB that Rossum takes", rossumapi.MaxFile>>20)
	}
	return content, err
}
