package cluster_test

import (
	"context"

	"github.com/gosocketio/sio/core/cluster"
)

// anonymous is a backend like the oldest of the Redis formats: responses do not
// tell who sends them, messages are not numbered, clients have no names.
type anonymous struct{ cluster.Backend }

func (b anonymous) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	link, err := b.Backend.Open(ctx, namespace, node, receive)
	if err != nil {
		return nil, err
	}
	return anonymousLink{link}, nil
}

type anonymousLink struct{ link cluster.Link }

func (l anonymousLink) Publish(ctx context.Context, m *cluster.Message) (string, error) {
	stripped := *m
	stripped.Seq, stripped.Client, stripped.Clients = 0, "", nil
	switch m.Type {
	case cluster.FetchSocketsResponse, cluster.ServerSideEmitResponse, cluster.BroadcastClientCount, cluster.BroadcastAck:
		stripped.From = ""
	}
	return l.link.Publish(ctx, &stripped)
}

func (l anonymousLink) Peers(ctx context.Context) (int, error) {
	members, err := l.link.(cluster.Lister).Members(ctx)
	return len(members), err
}

func (l anonymousLink) Close() error { return l.link.Close() }
