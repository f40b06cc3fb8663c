"""Names that earlier releases documented; what they name lives in other rooms now."""
