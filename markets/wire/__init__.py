"""Protobuf to engine and back: what is asked, who hears the answer, what it costs."""
