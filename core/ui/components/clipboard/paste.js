// Hands pasted pictures to Streamlit's own file uploader, so that they are sent and checked like dropped ones.

export default function (component) {
  const { parentElement, data } = component;
  const anchor = parentElement.querySelector("span");
  anchor.uploader = data.uploader;
  if (anchor.listening) return;
  anchor.listening = true;
  const paste = (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length) return;
    const input = document.querySelector("." + CSS.escape(anchor.uploader) + " input[type=file]");
    if (!input) return;
    const hand = new DataTransfer();
    for (const file of files) hand.items.add(file);
    input.files = hand.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  };
  document.addEventListener("paste", paste);
  return () => { document.removeEventListener("paste", paste); anchor.listening = false; };
}
