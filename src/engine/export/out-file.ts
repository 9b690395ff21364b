import { type FileHandle, open } from 'node:fs/promises';

/** A new file that is written from its start on; parts already written can be overwritten in place. */
export class OutFile implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  #bytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Rejects with the error of the system if it cannot be made or is there. */
  static async open(path: string): Promise<OutFile> {
    return new OutFile(path, await open(path, 'wx'));
  }

  /** Length so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends all of it. The bytes may be changed once it resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.writeAt(this.#bytes, bytes);
  }

  /** Writes all of it at a position. */
  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, position + done);
      done += bytesWritten;
    }
    this.#bytes = Math.max(this.#bytes, position + bytes.byteLength);
  }

  /** On the platter. */
  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
