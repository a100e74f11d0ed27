"""`python -m shared.contracts.schemas`: write the committed schemas again."""

from shared.contracts.schemas import FOLDER, write

if __name__ == "__main__":
    print("\n".join(write()) or f"all schemas in {FOLDER} are up to date")
