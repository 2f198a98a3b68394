package sioredis

import "github.com/gosocketio/sio/core/cluster"

// What the tests of the formats need.
var (
	AppendMsgpack = appendMsgpack
	MsgpackToJSON = msgpackToJSON
	EncodeEntry   = encodeEntry
	DecodeEntry   = decodeEntry
	EncodeSession = encodeSession
	DecodeSession = decodeSession
	AppendMessage = appendMessage
	DecodeMessage = decodeMessage

	AppendMessageMsgpack = appendMessageMsgpack
	DecodeClassicEvent   = decodeClassicEvent

	InTime = inTime
)

// StreamOf returns the stream of a namespace.
func (o *StreamsOptions) StreamOf(namespace string) string { return o.streamOf(namespace) }

// EncodeClassic returns on which channel a message goes, and how.
func EncodeClassic(key string, m *cluster.Message) (channel string, payload []byte, err error) {
	names := classicNames(key, m.Namespace)
	return names.encode(m)
}

// DecodeClassicRequest reads what comes on the channel of requests.
func DecodeClassicRequest(data []byte) (*cluster.Message, error) {
	return decodeClassic(data, classicRequests)
}

// DecodeClassicResponse reads what comes on a channel of responses.
func DecodeClassicResponse(data []byte) (*cluster.Message, error) {
	return decodeClassic(data, classicResponses)
}
