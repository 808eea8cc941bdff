package configs_test

import (
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

func TestAnswerFor(t *testing.T) {
	tests := []struct {
		answer configs.AnswerMode
		event  string
		want   configs.AnswerMode
	}{
		{"", "annotation_content.export", configs.AnswerWait},
		{"", "annotation_content.initialize", configs.AnswerWait},
		{"", "annotation_content.confirm", configs.AnswerAccept},
		{"", "annotation_status.changed", configs.AnswerAccept},
		{"", "upload.created", configs.AnswerAccept},
		{"", "something.new", configs.AnswerAccept},
		{configs.AnswerAccept, "annotation_content.export", configs.AnswerAccept},
		{configs.AnswerWait, "upload.created", configs.AnswerWait},
		{configs.AnswerWait, "annotation_content.updated", configs.AnswerAccept},
	}
	for _, test := range tests {
		p := configs.Pipeline{Answer: test.answer}
		if got := p.AnswerFor(test.event); got != test.want {
			t.Errorf("answer %q for %s: %s, want %s", test.answer, test.event, got, test.want)
		}
	}
}

func TestPipelinesFor(t *testing.T) {
	cfg := configs.Config{Pipelines: configs.Named[configs.Pipeline]{
		{Name: "export", Value: configs.Pipeline{Hook: "a", Events: []string{"annotation_content.export"}}},
		{Name: "content", Value: configs.Pipeline{Hook: "a", Events: []string{"upload.created", "annotation_content"}}},
		{Name: "other", Value: configs.Pipeline{Hook: "b", Events: []string{"annotation_content.export"}}},
	}}
	tests := map[string]string{
		"annotation_content.export":  "export content ",
		"annotation_content.updated": "content ",
		"annotation_content.new":     "content ",
		"annotation_contents.export": "",
		"annotation_status.changed":  "",
	}
	for event, want := range tests {
		got := ""
		for _, p := range cfg.PipelinesFor("a", event) {
			got += p.Name + " "
		}
		if got != want {
			t.Errorf("%s goes to %q, want %q", event, got, want)
		}
	}
}

func TestTakesQueue(t *testing.T) {
	all := configs.Pipeline{}
	byID := configs.Pipeline{Queues: []configs.QueueRef{{Name: "7", ID: 7}}}
	byName := configs.Pipeline{Queues: []configs.QueueRef{{Name: "AP Europe"}}}
	tests := []struct {
		name string
		got  bool
		want bool
	}{
		{"all", all.TakesQueue(1, "x"), true},
		{"id", byID.TakesQueue(7, ""), true},
		{"other id", byID.TakesQueue(8, "7"), false},
		{"name", byName.TakesQueue(1, "AP Europe"), true},
		{"other name", byName.TakesQueue(1, "AP"), false},
		{"name not known yet", byName.TakesQueue(1, ""), true},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: %v", test.name, test.got)
		}
	}
}

func TestKind(t *testing.T) {
	node := configs.Node{Kind: configs.NodeMap}
	tests := map[configs.StepKind]configs.Step{
		configs.KindInvoice: {Invoice: &configs.InvoiceStep{}},
		configs.KindSend:    {Send: "coupa", Map: node},
		configs.KindRossum:  {Rossum: &configs.RossumStep{}},
		configs.KindSet:     {Set: node},
		configs.KindCheck:   {Check: []configs.Check{{}}},
		configs.KindMap:     {Map: node},
		configs.KindRender:  {Render: "a.j2"},
		"":                  {},
	}
	for want, step := range tests {
		if got := step.Kind(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	put := configs.Step{Put: configs.Template{Source: "/a"}}
	if method, path := put.Request(); method != "PUT" || path.Source != "/a" {
		t.Errorf("%s %s", method, path.Source)
	}
}
