"""What the commands of bench/ measure with: the standard library, and a C program that listens."""
