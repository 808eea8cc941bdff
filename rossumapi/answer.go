package rossumapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of Rossum (API reference, Annotation data and Notes), in characters.
const (
	MaxMessage = 4096 // of a message or note
	MaxValue   = 1500 // of a datapoint value
)

// Message types. An error blocks confirmation and automation, and answers an
// export with failed_export; warnings and infos are only shown.
const (
	TypeError   = "error"
	TypeWarning = "warning"
	TypeInfo    = "info"
)

// Message is a text for the people who look at the document. Content is plain
// text; [HookResponse.Encode] makes it fit for Rossum.
type Message struct {
	ID      int64  `json:"id,omitempty"` // of the datapoint; 0 = the whole document
	Type    string `json:"type"`
	Content string `json:"content"`
}

// Error returns an error message, for the whole document or for a datapoint.
func Error(text string, datapointID ...int64) Message {
	return message(TypeError, text, datapointID)
}

// Warning returns a warning, for the whole document or for a datapoint.
func Warning(text string, datapointID ...int64) Message {
	return message(TypeWarning, text, datapointID)
}

// Info returns an info message, for the whole document or for a datapoint.
func Info(text string, datapointID ...int64) Message {
	return message(TypeInfo, text, datapointID)
}

func message(kind, text string, datapointID []int64) Message {
	m := Message{Type: kind, Content: text}
	if len(datapointID) > 0 {
		m.ID = datapointID[0]
	}
	return m
}

// UnmarshalJSON reads a message in any of Rossum's forms: id as number, as
// string, "all", null or absent.
func (m *Message) UnmarshalJSON(data []byte) error {
	var wire struct {
		ID      json.RawMessage `json:"id"`
		Type    string          `json:"type"`
		Content string          `json:"content"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*m = Message{Type: wire.Type, Content: wire.Content}
	if text, _ := textOf(wire.ID); text == "all" {
		return nil
	}
	id, err := idOf(wire.ID)
	m.ID = id
	return err
}

// AutomationBlocker stops the automation of a document (answers to
// annotation_content.initialize only).
type AutomationBlocker struct {
	ID      int64  `json:"id,omitempty"` // of the datapoint; 0 = the whole document
	Content string `json:"content"`
}

// HookResponse is the answer to a webhook call: messages and operations for
// content events, automation blockers for initialize, files for upload and
// e-mail events. Absent parts are left out. Its plain JSON form is lossless,
// for storing; what goes to Rossum is made by [HookResponse.Encode].
type HookResponse struct {
	Messages                []Message           `json:"messages,omitempty"`
	Operations              []Operation         `json:"operations,omitempty"`
	AutomationBlockers      []AutomationBlocker `json:"automation_blockers,omitempty"`
	Files                   json.RawMessage     `json:"files,omitempty"`
	AdditionalFiles         json.RawMessage     `json:"additional_files,omitempty"`
	ExtractedOriginalSender json.RawMessage     `json:"extracted_original_sender,omitempty"`
}

// Encode returns the body for Rossum. Texts of messages and blockers are
// escaped for HTML, which Rossum renders, and cut to MaxMessage characters.
// Operations that break a limit are an error.
func (r HookResponse) Encode() ([]byte, error) {
	if err := CheckOperations(r.Operations); err != nil {
		return nil, err
	}
	messages := make([]Message, len(r.Messages))
	for i, m := range r.Messages {
		m.Content = escapeText(m.Content)
		messages[i] = m
	}
	blockers := make([]AutomationBlocker, len(r.AutomationBlockers))
	for i, blocker := range r.AutomationBlockers {
		blocker.Content = escapeText(blocker.Content)
		blockers[i] = blocker
	}
	r.Messages, r.AutomationBlockers = messages, blockers
	return encode(r)
}

// encode writes JSON without turning <, > and & into \u escapes, and without
// the trailing newline of json.Encoder.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// escapeText escapes text for HTML and cuts it, never within an entity.
func escapeText(text string) string {
	const ellipsis = "…"
	var b strings.Builder
	length, keep := 0, 0 // in characters, in bytes
	for _, r := range text {
		part := escapeRune(r)
		if length += utf8.RuneCountInString(part); length > MaxMessage {
			return b.String()[:keep] + ellipsis
		}
		b.WriteString(part)
		if length < MaxMessage {
			keep = b.Len() // the ellipsis still fits behind this
		}
	}
	return b.String()
}

func escapeRune(r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	}
	return string(r)
}
