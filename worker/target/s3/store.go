package s3target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

const (
	// partSize of multipart uploads is the least S3 allows (Amazon S3 user guide, multipart upload limits).
	partSize = 5 << 20
	// small contents are read before a buffer of partSize is made.
	small = 256 << 10
	// maxHeld bounds what one attempt holds in memory until it is committed.
	maxHeld = partSize
	// hashKey is the metadata that holds the SHA-256 of an object, in hexadecimal.
	hashKey = "sha256"
)

// store is the bucket during one attempt.
type store struct {
	client *minio.Core
	bucket string
	held   int // bytes of contents that wait in memory
}

var _ files.Store = (*store)(nil)

// Close implements files.Store.
func (s *store) Close() {}

// Look implements files.Store. An object that was not put by this package is read to hash it.
func (s *store) Look(ctx context.Context, name string, hash bool) (files.Info, error) {
	object, err := s.client.StatObject(ctx, s.bucket, key(name), minio.StatObjectOptions{Checksum: true})
	if minio.ToErrorResponse(err).StatusCode == http.StatusForbidden {
		err = s.explain(ctx, name, err)
	}
	if err != nil {
		return files.Info{}, classify(err)
	}
	info := files.Info{Name: name, Size: object.Size, SHA256: knownHash(object), Modified: object.LastModified.UTC()}
	if hash && info.SHA256 == "" && info.Size <= files.MaxHash {
		info.SHA256, err = s.hash(ctx, name)
	}
	return info, err
}

// explain asks once more for what a HEAD, whose answer has no body, was refused.
func (s *store) explain(ctx context.Context, name string, refusal error) error {
	opts := minio.GetObjectOptions{}
	if err := opts.SetRange(0, 0); err != nil {
		return refusal
	}
	body, _, _, err := s.client.GetObject(ctx, s.bucket, key(name), opts)
	if err != nil {
		return err
	}
	_ = body.Close() // read-only
	return refusal
}

// knownHash is the SHA-256 the store has of an object: of its metadata, or its checksum unless that is one of parts.
func knownHash(object minio.ObjectInfo) string {
	for name, value := range object.UserMetadata {
		if sum, err := hex.DecodeString(value); strings.EqualFold(name, hashKey) && err == nil && len(sum) == sha256.Size {
			return value
		}
	}
	if sum, err := base64.StdEncoding.DecodeString(object.ChecksumSHA256); err == nil && len(sum) == sha256.Size {
		return hex.EncodeToString(sum)
	}
	return ""
}

func (s *store) hash(ctx context.Context, name string) (string, error) {
	body, _, _, err := s.client.GetObject(ctx, s.bucket, key(name), minio.GetObjectOptions{})
	if err != nil {
		return "", classify(err)
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(body, files.MaxHash)); err != nil {
		return "", classify(err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Stage implements files.Store: small contents are held in memory, others uploaded in parts.
func (s *store) Stage(ctx context.Context, c files.Content) (files.Staged, error) {
	first, err := io.ReadAll(io.LimitReader(c, small))
	if err == nil && len(first) == small {
		first, err = fill(c, first)
	}
	if err != nil {
		return nil, classify(err)
	}
	if len(first) < partSize && s.held+len(first) <= maxHeld {
		s.held += len(first)
		return &object{store: s, data: first, mediaType: c.Type}, nil
	}
	return s.upload(ctx, c, first)
}

// fill reads a whole part, less at the end.
func fill(r io.Reader, begin []byte) ([]byte, error) {
	part := make([]byte, partSize)
	n, err := io.ReadFull(r, part[copy(part, begin):])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return part[:len(begin)+n], err
}

// object is a content in memory.
type object struct {
	store     *store
	data      []byte
	mediaType string
}

// Commit implements files.Staged.
func (o *object) Commit(ctx context.Context, name string) error {
	sum := sha256.Sum256(o.data)
	opts := minio.PutObjectOptions{
		ContentType: o.mediaType, DisableContentSha256: true, // of the body in chunks; the whole body's is given
		UserMetadata: map[string]string{hashKey: hex.EncodeToString(sum[:]), minio.ChecksumSHA256.Key(): base64.StdEncoding.EncodeToString(sum[:])},
	}
	opts.SetMatchETagExcept("*")
	ctx, wrote := traced(ctx)
	_, err := o.store.client.PutObject(ctx, o.store.bucket, key(name), bytes.NewReader(o.data), int64(len(o.data)), "", hex.EncodeToString(sum[:]), opts)
	return classifyCommit(err, wrote())
}

// Discard implements files.Staged.
func (o *object) Discard(context.Context) { o.data = nil }

// upload is a content of which all parts are at the store, under a key that nobody sees yet.
type upload struct {
	store *store
	name  string
	id    string
	parts []minio.CompletePart
}

func (s *store) upload(ctx context.Context, c files.Content, part []byte) (files.Staged, error) {
	id, err := s.client.NewMultipartUpload(ctx, s.bucket, key(c.Name), minio.PutObjectOptions{
		ContentType: c.Type, UserMetadata: map[string]string{"x-amz-checksum-algorithm": "SHA256"},
	})
	if err != nil {
		return nil, classify(err)
	}
	u := &upload{store: s, name: c.Name, id: id}
	buffer := part[:cap(part)]
	for len(part) > 0 {
		if err := u.add(ctx, part); err != nil {
			return u, err
		}
		n, err := 0, error(nil)
		if len(part) == partSize {
			n, err = io.ReadFull(c, buffer)
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return u, classify(err)
		}
		part = buffer[:n]
	}
	return u, nil
}

// add uploads one part.
func (u *upload) add(ctx context.Context, part []byte) error {
	sum := sha256.Sum256(part)
	checksum := base64.StdEncoding.EncodeToString(sum[:])
	number := len(u.parts) + 1
	done, err := u.store.client.PutObjectPart(ctx, u.store.bucket, key(u.name), u.id, number, bytes.NewReader(part), int64(len(part)),
		minio.PutObjectPartOptions{
			Sha256Hex: hex.EncodeToString(sum[:]), DisableContentSha256: true,
			CustomHeader: http.Header{http.CanonicalHeaderKey(minio.ChecksumSHA256.Key()): {checksum}},
		})
	if err != nil {
		return classify(err)
	}
	u.parts = append(u.parts, minio.CompletePart{PartNumber: number, ETag: done.ETag, ChecksumSHA256: checksum})
	return nil
}

// Commit implements files.Staged. Parts belong to the key they were uploaded for.
func (u *upload) Commit(ctx context.Context, name string) error {
	if name != u.name {
		return outcome.Errorf(outcome.Retry, "taken", "the name of a large file was taken while it was uploaded")
	}
	opts := minio.PutObjectOptions{}
	opts.SetMatchETagExcept("*")
	ctx, wrote := traced(ctx)
	_, err := u.store.client.CompleteMultipartUpload(ctx, u.store.bucket, key(u.name), u.id, u.parts, opts)
	return classifyCommit(err, wrote())
}

// Discard implements files.Staged. Parts that stay behind are the lifecycle rule's to remove.
func (u *upload) Discard(ctx context.Context) {
	_ = u.store.client.AbortMultipartUpload(ctx, u.store.bucket, key(u.name), u.id)
}

// key of an object: a leading slash means the bucket itself.
func key(name string) string { return strings.TrimPrefix(name, "/") }
